/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Which of several sockets that get a copy of a packet counts it. Included by datagram.bpf.c only. */
#pragma once

/*
 * Where several sockets get a copy each (multicast, broadcast, raw sockets), one of them counts: the one that was first, and
 * when it has been silent for a second, the next.
 */
static __always_inline bool counts_here(struct __sk_buff *skb, struct receiver *receiver, __u64 tick)
{
	__u64 cookie = bpf_get_socket_cookie(skb);

	if (receiver->socket != cookie) {
		if (receiver->socket != 0 && (tick - receiver->tick) * tick_nanoseconds < SECOND)
			return false;
		receiver->socket = cookie;
	}
	receiver->tick = tick;
	return true;
}

/* The same for what every raw socket of a namespace gets, whatever its cgroup; `id` is the flow's hash without a cgroup. */
static __always_inline bool counts_at_raw(struct __sk_buff *skb, __u64 id, __u64 tick)
{
	struct receiver *known = bpf_map_lookup_elem(&raw_receivers, &id);
	struct receiver receiver = {};

	if (known)
		return counts_here(skb, known, tick);
	receiver.socket = bpf_get_socket_cookie(skb);
	receiver.tick = tick;
	/* Where another processor was quicker, its socket counts. */
	return bpf_map_update_elem(&raw_receivers, &id, &receiver, BPF_NOEXIST) != -EEXIST;
}
