/* route.h: which phone a request is for, by host name or by /phone/ID/.
 *
 * Hosts are compared without case, port and one trailing dot; the port is not judged. */
#ifndef POLICY_ACCESS_ROUTE_H
#define POLICY_ACCESS_ROUTE_H

#include "policy/access/policy.h"

/* Tables over `phones`; `key` keys the hash (16 random bytes). Ids and hosts are unique already. */
struct route_index *route_index_new(const struct policy_phone *phones, size_t count,
                                    const uint64_t key[2]);
void route_index_free(struct route_index *index);

const struct policy_phone *route_by_id(const struct route_index *index, struct str id);
/* `host` is normalised already (route_host). */
const struct policy_phone *route_by_host(const struct route_index *index, struct str host);

/* The host of an authority: port and one trailing dot removed; brackets of an IPv6 literal stay.
 * Not folded: compare without case. */
struct str route_host(struct str authority);

bool route_is_portal(const struct policy *policy, struct str host);

#endif
