/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Whose a socket is: of a client, who connects; of a server, who called listen() on its address. Included by tcp.bpf.c
 * only.
 */
#pragma once

/* Not inlined: the name has a stack frame of its own. */
static __noinline int keep_cgroup_name(__u64 cgroup_id, struct kernfs_node *node)
{
	struct cgroup_name name;

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

static __always_inline struct listener *find_listener(__u32 network_namespace, __u32 port, const __u8 *local_address)
{
	struct listener_key key = {};
	struct listener *listener;

	key.network_namespace = network_namespace;
	key.port = port;
	__builtin_memcpy(key.address, local_address, 16);
	listener = bpf_map_lookup_elem(&listeners, &key);
	if (listener)
		return listener;
	__builtin_memset(key.address, 0, 16);
	listener = bpf_map_lookup_elem(&listeners, &key);
	if (listener)
		return listener;
	write_address(key.address, 0);
	return bpf_map_lookup_elem(&listeners, &key);
}

/* What is known of a socket that listens found no room: connections to it have no process. */
static __always_inline void count_unknown_listener(void)
{
	struct tcp_losses *lost = get_losses();

	if (lost)
		__sync_fetch_and_add(&lost->table_full, 1);
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
	key.port = local_port_of(sk);
	read_addresses(sk, true, key.address, remote);
	error = bpf_map_update_elem(&listening, &socket, &one, BPF_NOEXIST);
	if (error) { /* -EEXIST is the same socket by another of its file descriptors */
		if (error != -EEXIST)
			count_unknown_listener();
		return;
	}
	known = bpf_map_lookup_elem(&listeners, &key);
	if (known) {
		__sync_fetch_and_add(&known->count, 1);
		return;
	}
	read_owner(sk, task, &listener.owner);
	listener.has_no_backlog = BPF_CORE_READ((struct sock *)socket, sk_max_ack_backlog) == 0;
	if (bpf_map_update_elem(&listeners, &key, &listener, BPF_ANY) == 0)
		return;
	bpf_map_delete_elem(&listening, &socket);
	count_unknown_listener();
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
	key.port = local_port_of(sk);
	read_addresses(sk, true, key.address, remote);
	known = bpf_map_lookup_elem(&listeners, &key);
	if (!known)
		return;
	if (known->count > 1)
		__sync_fetch_and_add(&known->count, -1);
	else
		bpf_map_delete_elem(&listeners, &key);
}
