/* hdrfilter.h: which header fields cross the gate, and how they change on the way.
 *
 * Requests to phones and answers to people are written anew; a field crosses only if it is allowed
 * here. */
#ifndef POLICY_ACCESS_HDRFILTER_H
#define POLICY_ACCESS_HDRFILTER_H

#include "policy/access/decide.h"
#include "policy/base/arena.h"
#include "policy/base/outbuf.h"
#include "policy/base/request.h"

/* The gate's and the phone's side of one exchange, for rewriting. */
struct hdr_site {
    enum route_kind route;
    struct str prefix;                  /* "/phone/ID" with ROUTE_PATH, else empty */
    struct str client_scheme_authority; /* "https://gate.example.com:8443" as the person's browser
                                           knows it */
    struct str phone_authority;         /* host[:port] of the phone's url */
    struct str phone_scheme;            /* "https" or "http" */
};

/* Write the fields of the person's request that may go to the phone, each "Name: value\r\n". Never
 * crosses: Host, Authorization, Proxy-*, Connection and what it names (save Content-Length,
 * Transfer-Encoding, Host, Authorization, which are never hop-by-hop), Keep-Alive, TE, Trailer,
 * Transfer-Encoding, Content-Length, Upgrade, Expect, HTTP2-Settings, Forwarded, X-Forwarded-*,
 * X-Real-IP, X-Original-URL, X-Rewrite-URL and all other X-...-URL names, Sec-*, Via,
 * Accept-Encoding. Origin and Referer are rewritten to the phone's own origin, or dropped where
 * they are not ours. */
void hdrfilter_request(const struct request_view *req, const struct hdr_site *site,
                       struct outbuf *out);

/* Write the fields of a phone's answer that may go to the person. Never crosses: hop-by-hop fields
 * as above, WWW-Authenticate, Authentication-Info, Proxy-Authenticate, Content-Length and
 * Transfer-Encoding (the writer frames anew), Server, Date kept, HSTS, Public-Key-Pins, Alt-Svc,
 * Clear-Site-Data, Access-Control-*, X-...: see the .c for each with its reason. Location,
 * Content-Location and Refresh that point at the phone are rewritten; Set-Cookie loses Domain, gets
 * the prefix on Path (a Path is added where there is none), Secure, and SameSite=Lax where absent
 * (K01-K04). */
void hdrfilter_response(const struct header *headers, size_t count, const struct hdr_site *site,
                        struct outbuf *out);

#endif
