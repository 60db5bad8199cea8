/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* How a report is written, and what an end says. Included by tcp.bpf.c only. */
#pragma once

#define SHUTDOWN_MASK 3 /* include/net/sock.h: nothing is sent or received any more */

/* All but the counters that are differences. `tells_time`: the connect time is told in this report. */
static __always_inline void write_facts(struct tcp_report *record, const struct facts *facts, bool tells_time, __u32 error, __u8 flags)
{
	record->opened_nanoseconds = facts->opened_nanoseconds;
	record->cgroup_id = facts->owner.cgroup_id;
	record->connect_microseconds = tells_time ? facts->connect_microseconds : 0;
	record->network_namespace = facts->network_namespace;
	record->process = facts->owner.process;
	record->error = error;
	record->local_port = facts->local_port;
	record->remote_port = facts->remote_port;
	record->role = facts->role;
	record->flags = flags;
	__builtin_memcpy(record->local_address, facts->local_address, 16);
	__builtin_memcpy(record->remote_address, facts->remote_address, 16);
	__builtin_memcpy(record->process_name, facts->owner.process_name, 16);
}

/* Of an attempt that ends without having opened. */
static __always_inline void end_attempt(struct facts *facts)
{
	if (!facts->opened)
		facts->connect_microseconds = microseconds(bpf_ktime_get_ns() - facts->opened_nanoseconds);
}

static __always_inline __u32 error_told(struct sock *sk)
{
	__u32 *error = bpf_sk_storage_get(&told_errors, sk, 0, 0);

	return error ? *error : 0;
}

/* Whether a socket's own side had closed it; behind the CLOSE event the kernel says so in any case. */
enum shut { SHUT_AS_SOCKET_SAYS, SHUT_BY_ITSELF, SHUT_BY_OTHERS };

/* What the end of a socket says. `was_open`: it had reached ESTABLISHED. Returns the error to report. */
static __always_inline __u32 end_facts(struct sock *sk, bool was_open, enum shut shut, struct facts *facts)
{
	__u32 error = sk->sk_err;

	if (was_open)
		facts->opened = 1; /* also when the event was missed that said so */
	/* What happens to a connection that its own side has closed already is told to nobody, and ails nobody. */
	if (facts->opened && (shut == SHUT_BY_ITSELF || (shut == SHUT_AS_SOCKET_SAYS && sk->sk_shutdown == SHUTDOWN_MASK)))
		error = 0;
	if (!facts->opened && !error)
		error = error_told(sk);
	end_attempt(facts);
	return error;
}
