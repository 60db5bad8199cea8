/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What the datagram programs remember: flows, whose sockets are, and the ways out to user space. Included by datagram.bpf.c only. */
#pragma once

#define SECOND 1000000000ULL

/* Set before loading. */
const volatile __u64 udp_idle_nanoseconds = 60 * SECOND;
const volatile __u64 icmp_idle_nanoseconds = 30 * SECOND;
const volatile __u32 flows_wanted = 65536; /* max_entries of `flows` */
const volatile __u32 with_flows = 1;
const volatile __u32 with_dns = 1;
const volatile __u32 tick_nanoseconds = 4000000; /* between two timer interrupts: the kernel's 1 / HZ */
const volatile __u32 hash_keys[14] = {};         /* random */

/* Of a socket. Where it lives is known from its first packet on: `network_namespace` is 0 before. */
struct owner {
	__u64 cgroup_id;
	__u64 scope; /* hash of cgroup and network namespace */
	__u32 network_namespace;
	__u32 process;
	char process_name[16];
	__u8 is_raw;
	__u8 is_kernels; /* of no program, as VXLAN's */
};

struct counts {
	__u64 bytes_sent;
	__u64 bytes_received;
	__u64 packets_sent;
	__u64 packets_received;
};

/* Whose copies count, where several sockets get one. */
struct receiver {
	__u64 socket; /* its cookie; 0 before the first */
	__u64 tick;   /* of its last copy */
};

/* What every packet needs comes first: two cache lines. */
struct flow {
	struct counts counts;
	__u64 last_tick; /* the kernel's jiffies */
	struct receiver receiver;
	__u32 process;
	__u16 icmp_type_code;
	__u8 flags;
	__u8 is_seated; /* in `seats`: what is counted there comes on top */
	struct flow_key key;
	struct counts reported; /* the walk's own */
	__u64 first_seen;
	__u64 socket; /* cookie of the last that was counted here; 0 on a kernel without seats */
	char process_name[16];
	__u32 slot; /* of this entry in `slots` */
	__u32 reserved;
};
_Static_assert(__builtin_offsetof(struct flow, key) == 64, "the key is the second cache line");

/*
 * By a hash of the flow's key that is made here: the kernel's own takes four times as long for 56 bytes as for 8. The key
 * is in the value and compared. Where two flows have one hash, the second lives at the next number.
 *
 * No preallocation: an entry takes 48 (kernel) + 8 + 192 bytes, 256 with the allocator's rounding, while its flow lives.
 * 65,536 flows are 16 MiB; 1 MiB of buckets and 0.75 MiB of slots are there from the start. User space sets max_entries.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct flow);
} flows SEC(".maps");

struct slot {
	__u64 key; /* in `flows`; 0 in a free slot */
};

#include "slots.h"

/* At most so many flows of one hash; what comes then is counted as if the table were full. */
#define FLOWS_PER_HASH 4

/* Who a socket belongs to: lives and goes with the socket, 48 bytes and the kernel's 64 each. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct owner);
} owners SEC(".maps");

/*
 * By a hash of namespace, addresses, protocol and ICMP's type: a flow is a cgroup's, and raw sockets of several cgroups get
 * copies of the same packet. Of more than these the ones that rested longest are forgotten, and a copy of theirs may count twice.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, struct receiver);
} raw_receivers SEC(".maps");

/* 4 MiB hold about 35,000 reports. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} reports SEC(".maps");

/* 2 MiB hold about 6,900 short messages, or 1,600 long ones, between two polls. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 * 1024 * 1024);
} dns_packets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct datagram_losses);
} losses SEC(".maps");

static __always_inline struct datagram_losses *get_losses(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&losses, &zero);
}
