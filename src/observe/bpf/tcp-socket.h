/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What a TCP socket says of itself: addresses, ports, counters. Included by tcp.bpf.c only. */
#pragma once

/* enum sock_flags in include/net/sock.h: SOCK_DONE is set when the other side's FIN has arrived. */
#define SOCK_DONE_BIT 1

/* What rtt_min holds before the first sample (tcp_init_sock). */
#define NOT_MEASURED (~0U)

/*
 * Where the verifier knows what a pointer points to, a field is loaded as in C; where it is only a number, as in the walk, a helper
 * loads it, which takes several times as long. `is_known` is a constant wherever it is given.
 */
#define LOAD(is_known, pointer, field) ((is_known) ? (pointer)->field : BPF_CORE_READ(pointer, field))

static __always_inline void write_address(__u8 *target, __be32 ipv4)
{
	__builtin_memset(target, 0, 10);
	target[10] = 0xff;
	target[11] = 0xff;
	__builtin_memcpy(target + 12, &ipv4, 4);
}

/* A dual-stack socket talking IPv4 keeps the mapped form in its IPv6 fields, so both families end up alike. */
static __always_inline void read_addresses(struct sock *sk, bool is_known, __u8 *local, __u8 *remote)
{
	if (LOAD(is_known, sk, __sk_common.skc_family) == AF_INET6) {
		bpf_core_read(local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(remote, 16, &sk->__sk_common.skc_v6_daddr);
		return;
	}
	write_address(local, LOAD(is_known, sk, __sk_common.skc_rcv_saddr));
	write_address(remote, LOAD(is_known, sk, __sk_common.skc_daddr));
}

/* skc_num is there at once, but cleared before the CLOSE event; inet_sport is not, but lies behind what the verifier knows. */
static __always_inline __u16 local_port_of(struct sock *sk, bool is_known)
{
	if (is_known)
		return sk->__sk_common.skc_num;
	return bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
}

static __always_inline __u32 network_namespace_of(struct sock *sk)
{
	return sk->__sk_common.skc_net.net->ns.inum;
}

/*
 * CLOCK_MONOTONIC as TCP read it for the segment that brought the socket where it is, which saves reading it again. `tp` may be 0, and a
 * socket that is restored (TCP_REPAIR) gets no segment: never before `earliest`.
 */
static __always_inline __u64 segment_clock(const struct tcp_sock *tp, __u64 earliest)
{
	__u64 clock = tp ? tp->tcp_clock_cache : 0;

	return clock > earliest ? clock : bpf_ktime_get_ns();
}

static __always_inline __u32 microseconds(__u64 nanoseconds)
{
	return nanoseconds < ~0U * 1000ULL ? nanoseconds / 1000 : ~0U;
}

/* PROC_PID_INIT_INO in include/linux/proc_ns.h (PID_NS_INIT_INO since 6.18) */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCU

/* When settle_roles ran: of what was there before, all that has a file is entered by then. */
__u64 settled_nanoseconds;
/* Whether the iterator is shown the files of all processes, not of one PID namespace alone. */
bool sees_all_files;

/*
 * Of an end whose begin may have been left out: when it opened, in nanoseconds, 0 when it was there before the programs. TCP notes time and place as it opens, and
 * anew while much is received. Where the place is still its first the time is certain; later it is of somewhat later, and what was there before is known by
 * the cookie that it was given.
 */
static __always_inline __u64 opened_meanwhile(const struct tcp_sock *tp, __u64 cookie)
{
	__u64 nanoseconds = BPF_CORE_READ(tp, rcvq_space.time) * 1000;
	__u32 first = BPF_CORE_READ(tp, rcv_nxt) - (__u32)BPF_CORE_READ(tp, bytes_received);

	if (!settled_nanoseconds || nanoseconds <= settled_nanoseconds)
		return 0;
	if (BPF_CORE_READ(tp, rcvq_space.seq) != first && (cookie || !sees_all_files))
		return 0;
	return nanoseconds;
}

static __always_inline bool is_tcp(struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	return (family == AF_INET || family == AF_INET6) && sk->sk_protocol == IPPROTO_TCP;
}

static __always_inline void read_tuple(struct sock *sk, bool is_known, struct facts *facts)
{
	read_addresses(sk, is_known, facts->local_address, facts->remote_address);
	facts->local_port = local_port_of(sk, is_known);
	facts->remote_port = bpf_ntohs(LOAD(is_known, sk, __sk_common.skc_dport));
}

/* Whether the entry at a socket's address is the socket's. One without a cookie, a subflow of MPTCP, is told by its ports. */
static __always_inline bool is_of_socket(struct sock *sk, bool is_known, const struct facts *facts)
{
	if (facts->cookie)
		return (__u64)LOAD(is_known, sk, __sk_common.skc_cookie.counter) == facts->cookie;
	return local_port_of(sk, false) == facts->local_port &&
	       bpf_ntohs(LOAD(is_known, sk, __sk_common.skc_dport)) == facts->remote_port;
}

/* Whether somebody works on the socket just now: an interrupt holds its spinlock, a process owns it. */
static __always_inline bool is_in_hand(struct sock *sk)
{
	if (BPF_CORE_READ(sk, sk_lock.owned))
		return true;
	/* Not there with PREEMPT_RT. */
	return bpf_core_field_exists(sk->sk_lock.slock.rlock.raw_lock.val.counter) &&
	       BPF_CORE_READ(sk, sk_lock.slock.rlock.raw_lock.val.counter);
}

/* Returns false when it is not certain that the octets are without the FIN: somebody works on the socket. */
static __always_inline bool read_counters(struct tcp_sock *tp, bool is_known, struct counters *counters)
{
	struct sock *sk = (struct sock *)tp;
	bool is_certain;

	counters->bytes_received = LOAD(is_known, tp, bytes_received);
	counters->bytes_sent = LOAD(is_known, tp, bytes_sent) - LOAD(is_known, tp, bytes_retrans);
	counters->segments_sent = LOAD(is_known, tp, segs_out);
	counters->segments_received = LOAD(is_known, tp, segs_in);
	counters->retransmits = LOAD(is_known, tp, total_retrans);
	counters->srtt_microseconds = LOAD(is_known, tp, srtt_us) >> 3;
	counters->minimum_rtt_microseconds = LOAD(is_known, tp, rtt_min.s[0].v);
	if (counters->minimum_rtt_microseconds == NOT_MEASURED)
		counters->minimum_rtt_microseconds = 0;
	/*
	 * The FIN takes a sequence number, and bytes_received counts sequence numbers; the flag is set a moment after, by who has the
	 * socket in hand all the while. So the flag is read last, and before it whether somebody has.
	 */
	is_certain = is_known || !is_in_hand(sk);
	if (LOAD(is_known, sk, __sk_common.skc_flags) & (1UL << SOCK_DONE_BIT)) {
		is_certain = true;
		if (counters->bytes_received > 0)
			counters->bytes_received--;
	}
	return is_certain;
}
