/* crawl.h: on which pages of a phone are the forms that change it?
 *
 * Begins at "/" and follows the links of the pages it finds, within bounds. No path is known
 * beforehand: a page is the right one where a form has the setting's own field. Links with a query
 * are left alone, since phones act on them, and so are names that sound like doing something. */
#ifndef PROXY_HARDEN_CRAWL_H
#define PROXY_HARDEN_CRAWL_H

#include "policy/harden/form.h"
#include "proxy/harden/way.h"

#define CRAWL_PAGES_MAX 64 /* pages fetched; each costs a phone about half a second */
#define CRAWL_DEPTH_MAX 3  /* links away from "/" */

struct crawl_want {
    struct str name;
    bool button;                  /* a submit button, else a field that can be set */
    bool any;                     /* one of those with `any` is enough */
    char target[FORM_TARGET_MAX]; /* where it is; target_len 0: nowhere */
    size_t target_len;
    enum form_verdict verdict; /* why not, where a page came near it: FORM_AMBIGUOUS, ... */
};

struct crawl_result {
    const char *reason; /* NULL: went to its end, or found everything; else why the phone gave no
                           more pages */
    size_t pages, forbidden; /* fetched; answered 403 */
};

/* Called exactly once, never from inside crawl_start; the crawl is gone then. */
typedef void crawl_done(void *user, const struct crawl_result *result);

struct crawl;

/* Look for `wants`, which are the caller's and stay where they are until `done`. */
struct crawl *crawl_start(const struct way *way, struct crawl_want *wants, size_t count,
                          crawl_done *done, void *user);
void crawl_cancel(struct crawl *c);

#endif
