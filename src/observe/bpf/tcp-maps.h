/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the TCP programs remember: connections, who listens, and the way out to user space. Included by tcp.bpf.c only.
 */
#pragma once

/* Of x86's kernels only, where what one processor stores is seen by the others in that order, and what it loads is not older than before. */
struct cpuinfo_x86 {
	__u8 x86;
} __attribute__((preserve_access_index));

static __always_inline bool is_in_order(void)
{
	return bpf_core_type_exists(struct cpuinfo_x86);
}

/*
 * Stores what others may act upon: all that was stored before is seen before, and what was read was read before. An exchange does that
 * everywhere, and waits for lines of the cache that are on their way: for a report's that is most of what it takes.
 */
static __always_inline void publish(__u64 *place, __u64 value)
{
	if (is_in_order()) {
		asm volatile("" ::: "memory"); /* for the compiler */
		*(volatile __u64 *)place = value;
	} else {
		__sync_lock_test_and_set(place, value);
	}
}

struct owner {
	__u64 cgroup_id;
	__u32 process;
	char process_name[16];
	__u32 count; /* listeners only: sockets sharing the address by SO_REUSEPORT */
};

struct listener {
	struct owner owner; /* first, so that who needs no more takes it for one */
	__u32 has_no_backlog; /* listen(fd, 0): what it accepts looks like a socket that connected */
	__u32 reserved;
};

struct counters {
	__u64 bytes_sent;
	__u64 bytes_received;
	__u32 segments_sent;
	__u32 segments_received;
	__u32 retransmits;
	__u32 srtt_microseconds;
	__u32 minimum_rtt_microseconds;
};

/* What the reports so far add up to. */
struct totals {
	__u64 bytes_sent;
	__u64 bytes_received;
	__u32 segments_sent;
	__u32 segments_received;
	__u32 retransmits;
};

/* What is known of a socket before it is asked for its counters. */
struct facts {
	__u64 cookie; /* of the socket, which no other has until the machine starts anew; 0 of a subflow that has none */
	struct owner owner;
	__u64 opened_nanoseconds;
	__u32 network_namespace;
	__u32 connect_microseconds; /* of an attempt that has ended: how long it was tried */
	__u16 local_port;
	__u16 remote_port;
	__u8 role;
	__u8 opened; /* reached ESTABLISHED, and the tuple is complete */
	__u8 reserved[2];
	__u8 local_address[16];
	__u8 remote_address[16];
};

struct connection {
	struct facts facts;
	struct totals reported;
	struct counters final;    /* valid when `closed`: the end waits for the next walk */
	__u32 error;
	__u8 older;            /* was there before the programs were attached */
	__u8 closed;
	__u8 any_reported;     /* these two are written under the claim only, the others by events, so that no bit is lost */
	__u8 opening_reported;
	__u32 claimed;         /* 1 while one processor reports it: see claim() */
	__u32 slot;            /* of this entry in `slots` */
};
/* With the kernel's part of an entry, 56 bytes and the key, at most 256 bytes; one more, and each would take 512. */
_Static_assert(sizeof(struct connection) == 184, "an entry takes one piece of 256 bytes");

struct listener_key {
	__u32 network_namespace;
	__u32 port; /* host byte order */
	__u8 address[16];
};

/*
 * Connections that a walk has met, or that found no place among the young (tcp-young.h), by the address of their struct sock. The kernel takes the memory of a socket that has ended for the next one, so
 * that short connections meet few buckets, which stay in the cache. What is there says by its cookie whether it is of this
 * socket; the end of another, or of an attempt before, that waits for room in the ring buffer moves to a key that is no address.
 * No preallocation: an entry costs memory only while its socket lives. User space sets max_entries before loading; a full table
 * is counted in `losses`.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, __u64);
	__type(value, struct connection);
} connections SEC(".maps");

/*
 * Where the next socket begins at an address while the walk has the end of the one before in hand, the next one's entry is beside
 * it. Sockets lie at multiples of 64, so that the lower bits of their addresses are free.
 */
#define BESIDE 1ULL
#define ADDRESS_BITS (~63ULL)

/* Addresses in the kernel have the highest bit, the keys of ends that had to move have not. */
static __always_inline bool is_address(__u64 key)
{
	return key >> 63;
}

/* Of an end that had to move: the time, of two minutes, in which this processor moves no other. 47 bits, which are nobody's address in the kernel. */
static __always_inline __u64 key_aside(void)
{
	return (bpf_ktime_get_ns() & ((1ULL << 37) - 1)) << 10 | (bpf_get_smp_processor_id() & 1023);
}

/* As a number: the verifier takes no bits of a pointer. */
static __always_inline __u64 address_of(struct sock *sk)
{
	return (__u64)sk;
}

/* Who listens where, so that an accepted socket has an owner before accept() runs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct listener_key);
	__type(value, struct listener);
} listeners SEC(".maps");

/* Listening sockets by struct sock address: a socket shared by forked processes counts once in its owner's `count`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u8);
} listening SEC(".maps");

/* The last part of a cgroup's path. `docker-ID.scope` has 77 characters, `cri-containerd-ID.scope` 85. */
struct cgroup_name {
	char text[128]; /* NUL terminated; longer names are cut off */
};

/*
 * Names of cgroups by id, as sockets were first seen in them: a container may be gone before user space looks for its folder. Of
 * more than these the ones that were not met for the longest time are forgotten; they are looked for in the tree first.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, struct cgroup_name);
} cgroup_names SEC(".maps");

/*
 * ICMP's answer to a SYN that comes while connect() is at work, as it does from a firewall on this machine, is kept as a soft
 * error. A program that does not block asks for it (SO_ERROR), which forgets it, and closes the socket without an error. So it
 * is kept here: by socket, and only where there was one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} told_errors SEC(".maps");

/* 4 MiB hold 32,768 reports: what as many busy sockets say in one walk. Ends come here when a processor's log is full. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} reports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tcp_losses);
} losses SEC(".maps");

static __always_inline struct tcp_losses *get_losses(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&losses, &zero);
}

/* One more in a field of struct tcp_losses. */
#define count_loss(field)                                       \
	do {                                                    \
		struct tcp_losses *lost = get_losses();         \
								\
		if (lost)                                       \
			__sync_fetch_and_add(&lost->field, 1); \
	} while (0)
