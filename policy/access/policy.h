/* policy.h: everything decide() knows, as one immutable structure inside a configuration snapshot.
 *
 * Built by proxy/config, read by any thread. Owned by the snapshot; all slices live as long as it
 * does. */
#ifndef POLICY_ACCESS_POLICY_H
#define POLICY_ACCESS_POLICY_H

#include "policy/access/network.h"
#include "policy/access/profile.h"
#include "policy/access/when.h"
#include "policy/auth/authn.h"
#include "policy/auth/users.h"

/* Limits that are absent do not limit: an empty list, or 0. */
struct grant {
    const struct str *users; /* names, byte for byte; members of groups are among them */
    size_t user_count;
    struct str role;
    const struct str *phones; /* patterns over phone ids */
    size_t phone_count;
    bool scripts;
    bool admin_login; /* the role uses the phone's admin_login; "admin" does in any case */
    const struct network *from; /* the person's address is in one of these */
    size_t from_count;
    int64_t since_s, until_s; /* the first second, the first one behind the last; since 1970 */
    const struct when_hours *hours;
    size_t hours_count;
    const struct str *allow; /* "step1".."step4" "firmware-url" "factory-reset" "minibrowser-url" */
    size_t allow_count;
    struct str file;
    unsigned line;
};

struct policy_phone {
    struct str id;   /* [A-Za-z0-9._-]+, unique */
    struct str name; /* for people, UTF-8; the id where none is given */
    struct str
        host; /* reached by this name; lower case, no port, no trailing dot; empty: by path only */
    const struct profile *profile;
    bool has_admin_login;
    size_t index; /* position in policy.phones: the proxy's own tables use it too */
};

struct grant_index; /* lookup table over grants, by user: grants.h */
struct route_index; /* lookup tables over phones, by id and by host: route.h */

struct policy {
    struct digest_settings digest;
    struct authn_settings signing_in; /* lockout and sessions */
    const struct users *users;
    const struct str *portal_hosts; /* lower case, no port, no trailing dot */
    size_t portal_host_count;
    const struct policy_phone *phones;
    size_t phone_count;
    const struct grant *grants; /* in order: the first that names the user, covers the phone and is
                                   in force counts */
    size_t grant_count;
    const struct grant_index *grant_index; /* NULL: searched one by one */
    const struct route_index *routes;
    uint64_t judged_body_bytes; /* a body that a rule must judge may be this long */
};

#endif
