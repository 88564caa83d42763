/* route.h: which phone a request is for, by host name or by /phone/ID/.
 *
 * Hosts are compared without case, port and one trailing dot; the port is not judged. */
#ifndef POLICY_ACCESS_ROUTE_H
#define POLICY_ACCESS_ROUTE_H

#include "policy/access/policy.h"
#include "policy/base/arena.h"

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

/* Without the ":443" that https means anyway. */
struct str route_authority(struct str authority);

bool route_is_portal(const struct policy *policy, struct str host);

/* Cut "/phone/ID" off a canonical, decoded path of a portal host. False where the path is not below
 * /phone/; otherwise `id` is what stands there, known or not, and `rest` begins with '/' or is
 * empty ("/phone/ID"). */
MUST_USE bool route_split(struct str path, struct str *id, struct str *rest);

/* The phone whose page, under /phone/ID/ of this very portal origin, made a browser ask: the id
 * named by a Referer of https, with the request's own authority (port included, ":443" or not). The
 * slice is in the arena. False without such a Referer. */
MUST_USE bool route_referer_id(const struct request_view *req, struct arena *arena, struct str *id);

#endif
