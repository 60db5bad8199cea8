/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The slots of `connections`. Included by tcp.bpf.c only. */
#pragma once

/*
 * All that the walk touches of a socket that stands still, but for two fields of the socket itself, which lie together: the segments
 * sent, and the time at which TCP last read the clock (`tcp_clock_cache`), as it does for every segment that comes. With 0 as
 * `cookie` the walk looks at the entry in any case.
 */
struct slot {
	__u64 key; /* in `connections`, and the socket's address; 0 in a free slot */
	__u64 cookie;
	__u32 segments_sent; /* as last reported */
	__u32 clock;         /* lower half; read before the counters that were reported last */
};

#include "slots.h"

/* The next walk looks at the entry, whether counters move or not. */
static __always_inline void fill_slot(__u32 index, __u64 key)
{
	struct slot *slot = bpf_map_lookup_elem(&slots, &index);

	if (!slot)
		return;
	slot->cookie = 0;
	slot->key = key;
}
