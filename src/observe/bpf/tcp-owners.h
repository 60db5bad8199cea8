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
	bpf_core_read(owner->process_name, sizeof(owner->process_name), &task->group_leader->comm);
	owner->cgroup_id = read_cgroup(sk);
	owner->count = 1;
}

static __always_inline struct owner *find_listener(struct sock *sk, const __u8 *local_address)
{
	struct listener_key key = {};
	struct owner *owner;

	key.network_namespace = network_namespace_of(sk);
	key.port = local_port_of(sk);
	__builtin_memcpy(key.address, local_address, 16);
	owner = bpf_map_lookup_elem(&listeners, &key);
	if (owner)
		return owner;
	__builtin_memset(key.address, 0, 16);
	owner = bpf_map_lookup_elem(&listeners, &key);
	if (owner)
		return owner;
	write_address(key.address, 0);
	return bpf_map_lookup_elem(&listeners, &key);
}

static __always_inline void add_listener(struct sock *sk, struct task_struct *task)
{
	struct listener_key key = {};
	struct owner owner = {};
	struct owner *known;
	__u64 socket = (__u64)sk;
	__u8 remote[16], one = 1;

	key.network_namespace = network_namespace_of(sk);
	key.port = local_port_of(sk);
	read_addresses(sk, true, key.address, remote);
	if (bpf_map_update_elem(&listening, &socket, &one, BPF_NOEXIST))
		return; /* the same socket by another of its file descriptors */
	known = bpf_map_lookup_elem(&listeners, &key);
	if (known) {
		__sync_fetch_and_add(&known->count, 1);
		return;
	}
	read_owner(sk, task, &owner);
	bpf_map_update_elem(&listeners, &key, &owner, BPF_ANY);
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
