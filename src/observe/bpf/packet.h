/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Which flow a packet belongs to, as far as its headers say: addresses, protocol, ports or what ICMP has in their place.
 * Knows IPv4, IPv6 with its extension headers, and fragments; does not know sockets.
 */
#pragma once
#include "kernel.h"
#include "skb.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

/* As 64-bit words, since what is written in pieces is slow to read as a whole. */
union address {
	__u8 bytes[16];
	__u64 words[2];
};

/* In host byte order. Of an ICMP echo `local` is its identifier, of other ICMP `remote` is its type and code. */
union ports {
	struct {
		__u16 local;
		__u16 remote;
	};
	__u32 word;
};

struct flow_key {
	union address local_address;
	union address remote_address;
	__u64 cgroup_id;
	__u32 network_namespace;
	union ports ports;
	__u32 protocol;
	__u32 reserved; /* zero */
};
_Static_assert(sizeof(struct flow_key) == 56, "no padding, and whole words to compare");

/* What the headers of a packet say. */
struct packet {
	struct flow_key key;
	__u32 header_length; /* IP header with its options or extension headers */
	__u16 icmp_type_code;
	__u8 is_echo; /* request or reply */
	__u8 is_echo_reply;
	__u8 is_wire_housekeeping;
};

static __always_inline void write_ipv4(union address *target, __be32 ipv4)
{
	target->words[0] = 0;
	target->words[1] = (__u64)ipv4 << 32 | 0xffff0000; /* ::ffff:0:0/96, little-endian as every machine this runs on */
}

static __always_inline bool is_ipv4(const union address *address)
{
	return address->words[0] == 0 && (__u32)address->words[1] == 0xffff0000;
}

/* The cheap test: one look at the header, where it lies. TCP's headers are never in fragments of memory. */
static __always_inline bool is_tcp_packet(const struct __sk_buff *skb)
{
	const __u8 *data = (const __u8 *)(long)skb->data;
	const __u8 *end = (const __u8 *)(long)skb->data_end;

	if (data + 20 > end)
		return false;
	return (data[0] >> 4 == 4 ? data[9] : data[6]) == IPPROTO_TCP;
}

static __always_inline bool has_ports(__u32 protocol)
{
	return protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP ||
	       protocol == IPPROTO_UDPLITE;
}

static __always_inline bool is_icmp(__u32 protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* Echo and its reply share a flow, told by the identifier; the rest is a flow per type and code. */
static __always_inline void read_icmp(struct __sk_buff *skb, struct packet *packet)
{
	__u8 icmp[8] = {}; /* type, code, checksum, identifier, sequence */
	bool is_v6 = packet->key.protocol == IPPROTO_ICMPV6;
	__u8 type;

	if (bpf_skb_load_bytes(skb, packet->header_length, icmp, sizeof(icmp)))
		return;
	type = icmp[0];
	packet->icmp_type_code = type << 8 | icmp[1];
	packet->is_wire_housekeeping =
		is_v6 && ((type >= 130 && type <= 137) || type == 143); /* RFC 4443, 4861, 3810 */
	packet->is_echo_reply = type == (is_v6 ? 129 : 0);
	packet->is_echo = packet->is_echo_reply || type == (is_v6 ? 128 : 8);
	if (packet->is_echo)
		packet->key.ports.local = icmp[4] << 8 | icmp[5];
	else
		packet->key.ports.remote = packet->icmp_type_code;
}

static __always_inline void write_ports(struct flow_key *key, const __be16 *ports, bool is_egress)
{
	__u32 local = bpf_ntohs(ports[is_egress ? 0 : 1]);
	__u32 remote = bpf_ntohs(ports[is_egress ? 1 : 0]);

	key->ports.word = local | remote << 16;
}

/* Ports or ICMP's facts; a later fragment has neither. Returns false for TCP behind extension headers. */
static __always_inline bool read_transport(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	__u32 protocol = packet->key.protocol;
	__be16 ports[2] = {};

	if (protocol == IPPROTO_TCP)
		return false;
	if (is_icmp(protocol)) {
		read_icmp(skb, packet);
		return !packet->is_wire_housekeeping;
	}
	if (!has_ports(protocol) || bpf_skb_load_bytes(skb, packet->header_length, ports, sizeof(ports)))
		return true;
	write_ports(&packet->key, ports, is_egress);
	return true;
}

/* Nearly every packet: UDP without options, extension headers and fragments, read where it lies. */
static __always_inline bool read_plain_udp(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	const void *end = (const void *)(long)skb->data_end;
	const struct ipv4_header *ipv4 = (const struct ipv4_header *)(long)skb->data;
	const struct ipv6_header *ipv6 = (const struct ipv6_header *)(long)skb->data;
	const __u64 *words = (const __u64 *)ipv6->source;

	if ((const void *)(ipv4 + 1) + 8 > end)
		return false;
	if (ipv4->version_length == 0x45 && ipv4->protocol == IPPROTO_UDP && !(ipv4->fragment & bpf_htons(0x1fff))) {
		write_ipv4(&packet->key.local_address, is_egress ? ipv4->source : ipv4->destination);
		write_ipv4(&packet->key.remote_address, is_egress ? ipv4->destination : ipv4->source);
		write_ports(&packet->key, (const __be16 *)(ipv4 + 1), is_egress);
		packet->header_length = sizeof(*ipv4);
	} else if ((const void *)(ipv6 + 1) + 8 <= end && ipv4->version_length >> 4 == 6 && ipv6->next_header == IPPROTO_UDP) {
		packet->key.local_address.words[0] = words[is_egress ? 0 : 2];
		packet->key.local_address.words[1] = words[is_egress ? 1 : 3];
		packet->key.remote_address.words[0] = words[is_egress ? 2 : 0];
		packet->key.remote_address.words[1] = words[is_egress ? 3 : 1];
		write_ports(&packet->key, (const __be16 *)(ipv6 + 1), is_egress);
		packet->header_length = sizeof(*ipv6);
	} else {
		return false;
	}
	packet->key.protocol = IPPROTO_UDP;
	return true;
}

static __always_inline bool read_ipv4(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	struct ipv4_header ip;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return false;
	write_ipv4(&packet->key.local_address, is_egress ? ip.source : ip.destination);
	write_ipv4(&packet->key.remote_address, is_egress ? ip.destination : ip.source);
	packet->key.protocol = ip.protocol;
	packet->header_length = (ip.version_length & 15) * 4;
	if (ip.fragment & bpf_htons(0x1fff))
		return ip.protocol != IPPROTO_TCP;
	return read_transport(skb, is_egress, packet);
}

static __always_inline bool read_ipv6(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	struct ipv6_header ip;
	__u8 next;
	__u32 offset = sizeof(ip);

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return false;
	__builtin_memcpy(packet->key.local_address.bytes, is_egress ? ip.source : ip.destination, 16);
	__builtin_memcpy(packet->key.remote_address.bytes, is_egress ? ip.destination : ip.source, 16);
	next = ip.next_header;
	for (int i = 0; i < 6; i++) {
		__u8 head[4];

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_FRAGMENT && next != IPPROTO_AH)
			break;
		if (bpf_skb_load_bytes(skb, offset, head, sizeof(head)))
			return false;
		if (next == IPPROTO_FRAGMENT && (head[2] || head[3] & 0xf8)) { /* RFC 8200 §4.5: not the first one */
			packet->key.protocol = head[0];
			return head[0] != IPPROTO_TCP;
		}
		offset += next == IPPROTO_FRAGMENT ? 8 : next == IPPROTO_AH ? (head[1] + 2) * 4 : (head[1] + 1) * 8;
		next = head[0];
	}
	packet->key.protocol = next;
	packet->header_length = offset;
	return read_transport(skb, is_egress, packet);
}

/* What is not plain. */
static __always_inline bool read_packet(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	return skb->protocol == bpf_htons(0x0800) ? read_ipv4(skb, is_egress, packet) : read_ipv6(skb, is_egress, packet);
}
