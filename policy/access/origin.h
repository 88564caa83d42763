/* origin.h: whose page made the client ask?
 *
 * Browsers send cached Digest credentials along with whatever any page makes them ask, so a right
 * answer to a challenge says who sits there, not who wants it. What the browser says of the asking
 * page stands in Sec-Fetch-Site, Origin and Referer; every one of them that is there has to agree
 * that it was a page of this very origin. Siblings ("same-site") are other sites: phones are
 * siblings of each other. The gate speaks HTTPS only, so its own pages are https pages. */
#ifndef POLICY_ACCESS_ORIGIN_H
#define POLICY_ACCESS_ORIGIN_H

#include "policy/base/arena.h"
#include "policy/base/request.h"

/* What one of the three fields says. */
enum origin_sign {
    ORIGIN_SIGN_ABSENT,
    ORIGIN_SIGN_OURS,
    ORIGIN_SIGN_NULL,      /* "Origin: null": a page that hides where it is from */
    ORIGIN_SIGN_OTHER,     /* another site, or in path mode another phone */
    ORIGIN_SIGN_MALFORMED, /* more than once, empty, or a word that no browser sends */
};

enum origin_verdict {
    ORIGIN_UNCHECKED,  /* the zero value: may do nothing */
    ORIGIN_OURS,       /* a page of this phone, or a person at the address bar */
    ORIGIN_NAVIGATION, /* another site's link: a person opens a page, and nothing else with it */
    ORIGIN_OTHER_SITE,
    ORIGIN_NULL,
    ORIGIN_SILENT, /* none of the three fields: a program, or a very old browser */
};

struct origin {
    enum origin_verdict verdict;
    enum origin_sign site, origin, referer; /* Sec-Fetch-Site, Origin, Referer */
    bool plain;      /* GET or HEAD without parameters and body: it only shows a page */
    struct str from; /* "https://other.example" where another site is named; a slice of the request,
                        for the record */
};

/* Where the request goes. Under one origin (path mode and the portal) the Referer's path says which
 * phone's page asked. */
struct origin_place {
    bool shared;      /* below /phone/ID/, or the portal's own pages */
    struct str phone; /* ID; empty for the portal */
};

/* Find out who made the client ask. `arena` holds a Referer's path meanwhile; where it is used up
 * the Referer counts as malformed. */
void origin_check(const struct request_view *req, const struct origin_place *place,
                  struct arena *arena, struct origin *found);

/* False: a forged request, to be refused whatever the person may do. True with ORIGIN_SILENT does
 * not yet say that it may change something. */
bool origin_may_ask(const struct origin *found);

const char *origin_verdict_str(enum origin_verdict verdict);
const char *origin_sign_str(enum origin_sign sign);

#endif
