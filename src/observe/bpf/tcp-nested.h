/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Events that come in the middle of another. Since 6.1 the kernel does not run a program that is at work on the same processor already
 * (prog->active): follow_state is left out of what an interrupt's softirq does to a socket while follow_state is at work for a process, which owns its
 * socket (sk_lock.owned) and lets softirqs come. A second program at the same tracepoint would be told, but each event of each connection would pay the kernel's way to
 * two programs. So what was left out is found where connections seldom or never pass twice. Included by tcp.bpf.c only.
 *
 *   tcp_destroy_sock comes once to each socket, by a softirq or with softirqs switched off: follow_destroyed is told of every socket. (But for what __tcp_close
 *   works off with softirqs on. That is a process's own event, which follow_state follows; what comes in its middle is left out of follow_destroyed, not of follow_state.)
 *   Where follow_state ends a socket that nobody holds any more, the kernel destroys it right behind that: the first leaves the socket's name, and the second knows by it
 *   that there is nothing to do. Where the name is lost the second looks in vain. A name that stays harms only another socket in the same memory, if that one's end is left
 *   out. All other sockets follow_destroyed looks for: an entry that is there has not been told its end.
 *
 *   inet_sk_error_report comes behind an end by the other side or by time, while the program holds the socket still: follow_failed tells such an end at once,
 *   and its reason before the program has fetched it. (Before 6.10 the kernel reports some errors ahead of the end; those are told by follow_destroyed, without a reason.)
 *
 *   The walk tells a closed socket that is held still.
 *
 *   A begin is told late, of a client by the walk or at its end. A server's end whose begin was left out has no entry when it ends, and gets one then
 *   (begin_unknown); while it is open, when its file is found (find_sockets, which user space runs again when events were left out).
 *
 * So two programs may be at work at a time on one processor, for two sockets, one in the middle of any instruction of the other. What they share they
 * share with other processors too, and nobody waits there, but for three things of a processor's own: its log (is_busy), the keys of ends that
 * move (key_aside, the clock goes on), and the kernel's own locks, which it takes with interrupts switched off. (Before 6.7 it marks a bucket of a
 * hash table as taken a moment earlier: who comes between finds it busy, and a connection that cannot be entered is counted as where the table is full.)
 */
#pragma once

/* enum sock_flags in include/net/sock.h: SOCK_DEAD is set when no file holds the socket any more. */
#define SOCK_DEAD_BIT 0

/* By follow_state, of a socket that ends. */
static __always_inline void name_followed(struct sock *sk)
{
	struct tcp_log *log;

	if (!(sk->__sk_common.skc_flags & (1UL << SOCK_DEAD_BIT)))
		return;
	log = log_here();
	if (log)
		log->followed = (__u64)sk;
}

/* By follow_destroyed. The name is taken away, since the next socket may have the same memory. */
static __always_inline bool was_followed(struct sock *sk)
{
	struct tcp_log *log = log_here();

	if (!log || log->followed != (__u64)sk)
		return false;
	log->followed = 0;
	return true;
}
