/* hdrfilter.h: which header fields cross the gate, and how they change on the way.
 *
 * Requests to phones and answers to people are written anew; a field crosses only if a list in the
 * .c names it. What nobody has needed yet stays behind. */
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
    bool own_cookies; /* the gate has a session of its own there: no cookie crosses either way */
};

/* Write the fields of the person's request that may go to the phone, each "Name: value\r\n", and
 * Via. Cross: Accept, Accept-Language, Anti-Csrf-Token, Cache-Control, Content-Type, Cookie, If-*,
 * Pragma, Range, User-Agent, X-Requested-With; Origin and Referer rewritten to the phone's own
 * origin, or dropped where they are not of this phone's pages. All else does not: Host,
 * credentials, framing, hop-by-hop, addresses, X-...-URL. What Connection names is dropped, save
 * what says how the message is read (Content-Type, Cache-Control): a body must be read at the phone
 * as it was judged here. */
void hdrfilter_request(const struct request_view *req, const struct hdr_site *site,
                       struct outbuf *out);

/* Write the fields of a phone's answer that may go to the person, and Via; the list with its
 * reasons stands in the .c. Never crosses: hop-by-hop and framing fields (the writer frames anew),
 * WWW-Authenticate and its kin, Server, HSTS, Alt-Svc, Clear-Site-Data, Access-Control-*,
 * Referrer-Policy.
 * Location, Content-Location and Refresh that point at the phone are rewritten, those to others and
 * relative ones stay; Set-Cookie loses Domain, gets the prefix on Path (with ROUTE_PATH a Path is
 * added where there is none), Secure, and SameSite=Lax where absent (K01-K04). */
void hdrfilter_response(const struct header *headers, size_t count, const struct hdr_site *site,
                        struct outbuf *out);

#endif
