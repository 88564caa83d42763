/* asset.h: which requests a kept copy of a phone's answer may serve, and which answers may be kept.
 *
 * Phones say "no-store" about everything, style sheets included; the profile's list `static` is the
 * operator's word against it, for the gate's own memory. It is asked only behind DECIDE_FORWARD: a
 * copy spares the phone, never the decision. What is static is the same for everybody who logs in
 * to the phone with the same account, whatever cookie or language they send. */
#ifndef POLICY_ACCESS_ASSET_H
#define POLICY_ACCESS_ASSET_H

#include "policy/access/profile.h"
#include "policy/base/request.h"

/* GET or HEAD of a path that the profile names static, without query, body, Range and conditions
 * that only the phone can judge (If-Match, If-Range, If-Unmodified-Since). `path` is the canonical,
 * decoded one. */
bool asset_is_asked(const struct profile *profile, const struct request_view *req, struct str path);

/* Cache-Control: no-cache or no-store, or Pragma: no-cache: the person reloads and wants the
 * phone's own word. A mere max-age=0, which browsers send with every reload, asks for less. */
bool asset_wants_fresh(const struct request_view *req);

/* May this answer to a GET that asset_is_asked said yes to be kept? Only a 200 that sets no cookie,
 * sends nobody elsewhere, depends on no field of the request but Accept-Encoding (which no phone is
 * sent), and is no HTML: phones answer 200 with their login page in place of a picture. */
bool asset_may_keep(unsigned status, const struct header *headers, size_t count);

/* Is this field kept with the copy? Caching, framing and dates are written anew. */
bool asset_keeps_field(struct str name);

/* What is known of a copy for conditional requests; empty: nothing. Tags with their quotes. */
struct asset_validators {
    struct str tag;           /* the gate's own */
    struct str phone_tag;     /* the phone's ETag */
    struct str last_modified; /* the phone's, as it came */
};

/* Does the person's browser hold this copy already (If-None-Match, compared weakly; without it
 * If-Modified-Since with the very same date)? Then the answer is 304. */
bool asset_is_held(const struct request_view *req, const struct asset_validators *validators);

#endif
