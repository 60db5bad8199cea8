/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Events that come in the middle of another. Since 6.1 the kernel does not run a program that is at work on the same processor already
 * (prog->active): follow_state is left out of what an interrupt's softirq does to a socket while follow_state is at work for a process. The
 * second program at the same tracepoint, follow_nested, called right behind it, follows what it was left out of. Included by tcp.bpf.c only.
 *
 * Whose lock an event comes under says which of two kinds it is:
 *
 *   A process owns the socket (sk_lock.owned), and softirqs may come. It comes in the middle of no other, so that both programs run, and the
 *   first follows it.
 *
 *   Nobody owns it: its spinlock is held by a softirq, or with softirqs switched off. No other comes in the middle of it, so that the programs run one
 *   right behind the other. If the first is at work beneath, it is left out, and the second is not, and follows it. If the second is at work
 *   beneath, it is left out, and the first is not, and has followed it.
 *
 * The first leaves the event's name where the second looks. The second takes it away, since the next socket may have the same memory. Where it was
 * left out, being at work for a process, it does so when it goes on, and the first does when it next begins for a process, before anything else: a name is stale
 * for some nanoseconds at most, and harms only an event of a socket in the same memory that comes just then.
 *
 * So two events may be followed at a time on one processor, of two sockets, one of them in the middle of any instruction of the other. What they share they
 * share with other processors too, and nobody waits there, but for three things of a processor's own: its log (is_busy), the keys of ends that
 * move (key_aside, the clock goes on), and the kernel's own locks, which it takes with interrupts switched off. (Before 6.7 it marks a bucket of a
 * hash table as taken a moment earlier: who comes between finds it busy, and a connection that cannot be entered is counted as where the table is full.)
 */
#pragma once

static __always_inline bool is_owned(struct sock *sk)
{
	return sk->sk_lock.owned;
}

/* By both programs, of a socket that a process owns: a name that is there is of an event whose second program was left out. */
static __always_inline void forget_followed(void)
{
	struct tcp_log *log = log_here();

	if (log)
		log->followed = 0;
}

/* By the first program, of a socket that nobody owns. */
static __always_inline void tell_followed(struct sock *sk, int newstate)
{
	struct tcp_log *log = log_here();

	if (!log)
		return;
	log->followed = (__u64)sk;
	log->followed_state = newstate;
}

/* By the second program, of a socket that nobody owns. */
static __always_inline bool was_followed(struct sock *sk, int newstate)
{
	struct tcp_log *log = log_here();

	if (!log || log->followed != (__u64)sk || log->followed_state != (__u32)newstate)
		return false;
	log->followed = 0;
	return true;
}

/* Not inlined, since it is seldom: the second program takes little stack and no registers to be saved. */
static __noinline int follow_seldom(struct sock *sk, int oldstate, int newstate)
{
	count_loss(nested);
	if (newstate == TCP_ESTABLISHED)
		follow_established(sk, oldstate);
	else
		close_connection(sk, oldstate);
	return 0;
}
