// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * TCP connections without a hook on the packet path.
 *
 * Attaches to: tp_btf/inet_sock_set_state (a connection starts and ends); tp_btf/tcp_destroy_sock and tp_btf/inet_sk_error_report (ends that the
 * first was left out of, tcp-nested.h); iter/task_file (sockets that were there before, and begins that the first was left out of), and a syscall
 * program that user space runs at each poll to walk the live sockets. Optional: cgroup/getsockopt at the root of cgroup v2, for an error that is told to the
 * application only.
 * Writes: struct tcp_report, of a connection that ends among the young into the processor's log in `ends`, of others into the
 * ring buffer `reports`, only when their counters moved.
 * Cannot see: sockets of other protocols; who accepted a connection when several processes share a listener (the one
 * that called listen() is named); connections that were there before and that nobody had accepted or had a file of: some are told as they end, with what they had moved before.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>
#include "sockopt.h"
#include "tcp.h"
#include "tcp-maps.h"
#include "tcp-socket.h"
#include "process-name.h"
#include "tcp-owners.h"
#include "tcp-slots.h"
#include "tcp-report.h"
#include "tcp-log.h"
#include "tcp-connection.h"
#include "tcp-young.h"
#include "tcp-events.h"
#include "tcp-older.h"
#include "tcp-walk.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(follow_state, struct sock *sk, int oldstate, int newstate)
{
	bool is_wanted = newstate == TCP_SYN_SENT || newstate == TCP_ESTABLISHED || newstate == TCP_LISTEN ||
			 newstate == TCP_CLOSE;

	if (!is_wanted || !is_tcp(sk))
		return 0;
	if (newstate == TCP_SYN_SENT)
		begin(sk, ROLE_CLIENT);
	else if (newstate == TCP_ESTABLISHED)
		follow_established(sk, oldstate);
	else if (newstate == TCP_LISTEN)
		add_listener(sk, address_of(sk), bpf_get_current_task_btf());
	else if (newstate == TCP_CLOSE && oldstate == TCP_LISTEN)
		remove_listener(sk);
	else if (newstate == TCP_CLOSE)
		follow_close(sk, oldstate);
	return 0;
}

/* Behind the end of each socket. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(follow_destroyed, struct sock *sk)
{
	if (!was_followed(sk))
		follow_closed(sk, SHUT_BY_ITSELF);
	return 0;
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(follow_failed, struct sock *sk)
{
	if (is_tcp(sk) && sk->__sk_common.skc_state == TCP_CLOSE)
		follow_closed(sk, SHUT_BY_OTHERS);
	return 0;
}

/* Run at the start, after the others are attached: sockets that were there before. Run again when follow_state was left out of events: what began by one of them. */
SEC("iter/task_file")
int find_sockets(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	struct socket *socket;
	struct sock *sk;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	if (is_tcp(sk))
		add_found(sk, task);
	else if (is_mptcp(sk))
		add_mptcp(sk, task);
	return 0;
}

/* Run once, after find_sockets has run for the first time. */
SEC("syscall")
int settle_roles(void *context)
{
	bpf_for_each_map_elem(&connections, settle_role, 0, 0);
	sees_all_files = BPF_CORE_READ(bpf_get_current_task_btf(), nsproxy, pid_ns_for_children, ns.inum) == FIRST_PID_NAMESPACE;
	settled_nanoseconds = bpf_ktime_get_ns();
	return 0;
}

/*
 * Runs after the kernel has answered, and changes nothing. An answer longer than a page is not copied for us: with length 0 the
 * kernel leaves its own as it is (since 6.4 it does so by itself, and before it failed the call).
 */
SEC("cgroup/getsockopt")
int follow_errors(struct bpf_sockopt *context)
{
	__s32 *answer = context->optval;
	struct bpf_sock *sk = context->sk;
	__u32 *told;

	if (context->optlen > PAGE_BYTES)
		context->optlen = 0;
	if (context->level != SOL_SOCKET || context->optname != SO_ERROR || !sk)
		return 1;
	if ((void *)(answer + 1) > context->optval_end || *answer == 0)
		return 1;
	if (sk->protocol != IPPROTO_TCP || sk->state != TCP_SYN_SENT)
		return 1;
	told = bpf_sk_storage_get(&told_errors, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (told)
		*told = *answer;
	return 1;
}

/* User space loads one of the two, the first where the kernel takes it. */
SEC("syscall")
int walk_sockets(void *context)
{
	struct walk walk = {};

	bpf_loop(1 << YOUNG_BITS, walk_young, 0, 0);
	bpf_loop(slots_used, walk_slot_directly, &walk, 0);
	end_walk(&walk);
	return 0;
}

SEC("syscall")
int walk_by_helper(void *context)
{
	struct walk walk = {};

	bpf_for_each_map_elem(&young_connections, walk_young_by_helper, 0, 0);
	bpf_for_each_map_elem(&slots, walk_slot_by_helper, &walk, 0);
	end_walk(&walk);
	return 0;
}
