/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Whose a socket is: of a client, who connects; of a server, who called listen() on its address. Included by tcp.bpf.c
 * only.
 */
#pragma once

#define RECENT_CGROUPS 64

/*
 * Those whose name was kept since the last walk, which forgets them: a cgroup that has sockets all the time is met once a poll, and stays
 * among those that `cgroup_names` forgets last.
 */
__u64 recent_cgroups[RECENT_CGROUPS];

static __always_inline void forget_recent_cgroups(void)
{
	for (int i = 0; i < RECENT_CGROUPS; i++)
		recent_cgroups[i] = 0;
}

/* Not inlined: the name has a stack frame of its own. */
static __noinline int keep_cgroup_name(__u64 cgroup_id, struct kernfs_node *node)
{
	struct cgroup_name name;

	recent_cgroups[cgroup_id % RECENT_CGROUPS] = cgroup_id;
	if (bpf_map_lookup_elem(&cgroup_names, &cgroup_id))
		return 0;
	__builtin_memset(&name, 0, sizeof(name));
	bpf_probe_read_kernel_str(name.text, sizeof(name.text), BPF_CORE_READ(node, name));
	return bpf_map_update_elem(&cgroup_names, &cgroup_id, &name, BPF_NOEXIST);
}

/* The socket's cgroup of version 2; its name is kept. */
static __always_inline __u64 read_cgroup(struct sock *sk)
{
	struct kernfs_node *node = sk->sk_cgrp_data.cgroup->kn;
	__u64 cgroup_id = node->id;

	if (recent_cgroups[cgroup_id % RECENT_CGROUPS] != cgroup_id)
		keep_cgroup_name(cgroup_id, node);
	return cgroup_id;
}

static __always_inline void read_owner(struct sock *sk, struct task_struct *task, struct owner *owner)
{
	owner->process = task->tgid;
	read_process_name(owner->process_name, task);
	owner->cgroup_id = read_cgroup(sk);
	owner->count = 1;
}

/*
 * At what kinds of address anybody has listened since the start, four bits for each port, so that most of the look-ups that would
 * find nothing are left out. A bit that is set stays.
 */
enum listener_kind { LISTENS_AT_ADDRESS = 1, LISTENS_AT_ANY_IPV6 = 2, LISTENS_AT_ANY_IPV4 = 4 };

__u32 listener_kinds[65536 / 8];

static __always_inline __u32 kinds_at(__u16 port)
{
	return listener_kinds[port / 8] >> (port % 8 * 4);
}

static __always_inline void add_kind(__u16 port, const __u8 *address)
{
	const __u64 *words = (const __u64 *)address;
	enum listener_kind kind = LISTENS_AT_ADDRESS;

	if (words[0] == 0 && words[1] == 0)
		kind = LISTENS_AT_ANY_IPV6;
	else if (words[0] == 0 && words[1] == 0xffff0000) /* ::ffff:0.0.0.0, little-endian */
		kind = LISTENS_AT_ANY_IPV4;
	__sync_fetch_and_or(&listener_kinds[port / 8], kind << (port % 8 * 4));
}

static __always_inline struct listener *find_listener(__u32 network_namespace, __u16 port, const __u8 *local_address)
{
	__u32 kinds = kinds_at(port);
	struct listener_key key = {};
	struct listener *listener = 0;

	key.network_namespace = network_namespace;
	key.port = port;
	__builtin_memcpy(key.address, local_address, 16);
	if (kinds & LISTENS_AT_ADDRESS)
		listener = bpf_map_lookup_elem(&listeners, &key);
	if (listener)
		return listener;
	__builtin_memset(key.address, 0, 16);
	if (kinds & LISTENS_AT_ANY_IPV6)
		listener = bpf_map_lookup_elem(&listeners, &key);
	if (listener)
		return listener;
	write_address(key.address, 0);
	return kinds & LISTENS_AT_ANY_IPV4 ? bpf_map_lookup_elem(&listeners, &key) : 0;
}

/* Whether a socket that was open is a server's end: it inherits its listener's backlog, and where that has none, it is at its port. */
static __always_inline bool was_accepted(struct sock *sk, __u32 network_namespace)
{
	struct listener *listener;
	__u8 local[16], remote[16];

	if (BPF_CORE_READ(sk, sk_max_ack_backlog) > 0)
		return true;
	read_addresses(sk, false, local, remote);
	listener = find_listener(network_namespace, local_port_of(sk, false), local);
	return listener && listener->has_no_backlog;
}

/* `socket` is the TCP socket that listens; `sk` is the same, or MPTCP's socket above it, which has its addresses. */
static __always_inline void add_listener(struct sock *sk, __u64 socket, struct task_struct *task)
{
	struct listener_key key = {};
	struct listener listener = {};
	struct owner *known;
	__u8 remote[16], one = 1;
	long error;

	key.network_namespace = network_namespace_of(sk);
	key.port = local_port_of(sk, true);
	read_addresses(sk, true, key.address, remote);
	error = bpf_map_update_elem(&listening, &socket, &one, BPF_NOEXIST);
	if (error) { /* -EEXIST is the same socket by another of its file descriptors */
		if (error != -EEXIST)
			count_loss(table_full); /* connections to it have no process */
		return;
	}
	known = bpf_map_lookup_elem(&listeners, &key);
	if (known) {
		__sync_fetch_and_add(&known->count, 1);
		return;
	}
	read_owner(sk, task, &listener.owner);
	listener.has_no_backlog = BPF_CORE_READ((struct sock *)socket, sk_max_ack_backlog) == 0;
	add_kind(key.port, key.address);
	if (bpf_map_update_elem(&listeners, &key, &listener, BPF_ANY) == 0)
		return;
	bpf_map_delete_elem(&listening, &socket);
	count_loss(table_full);
}

static __always_inline void remove_listener(struct sock *sk)
{
	struct listener_key key = {};
	struct owner *known;
	__u64 socket = (__u64)sk;
	__u8 remote[16];

	if (bpf_map_delete_elem(&listening, &socket))
		return;
	key.network_namespace = network_namespace_of(sk);
	key.port = local_port_of(sk, false);
	read_addresses(sk, true, key.address, remote);
	known = bpf_map_lookup_elem(&listeners, &key);
	if (!known)
		return;
	if (known->count > 1)
		__sync_fetch_and_add(&known->count, -1);
	else
		bpf_map_delete_elem(&listeners, &key);
}
