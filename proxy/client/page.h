/* page.h: the few pages that are the gate's own, as plain HTML without script.
 *
 * Everything that comes from outside is escaped. Links back to the portal carry rel=noreferrer: a
 * Referer below /phone/ID/ would send them to that phone. */
#ifndef PROXY_CLIENT_PAGE_H
#define PROXY_CLIENT_PAGE_H

#include "policy/access/policy.h"
#include "policy/base/outbuf.h"

/* Longest page for a refusal; the portal's list is as long as the person's phones. */
#define PAGE_MAX 4096

/* Reason phrase of a status (RFC 9110 15). */
struct str page_phrase(unsigned status);

/* Explain a status to a person: what happened, what to do. `reason` is the record's name, shown so
 * that help desk and record can meet; `detail` is a rule's own text, may be empty. */
void page_status(struct outbuf *out, unsigned status, const char *reason, struct str detail,
                 uint64_t request_id);

void page_portal_begin(struct outbuf *out, struct str user);
/* One line of the list; everything is escaped here. */
struct page_phone {
    struct str name, role;
    struct str host_href; /* empty: the phone has no name of its own */
    struct str path_href;
};
void page_portal_phone(struct outbuf *out, const struct page_phone *phone);
void page_portal_end(struct outbuf *out, size_t phones);

/* Who am I: the head of a list that page_portal_phone and page_portal_end go on with. */
struct page_person {
    struct str name, address, algorithm;
    uint64_t since_ms; /* since 1970; 0: not known */
};
void page_whoami(struct outbuf *out, const struct page_person *person);
/* The form that signs out, and what is said afterwards. */
void page_sign_out(struct outbuf *out, struct str user);
void page_signed_out(struct outbuf *out);

#endif
