/* way.h: how a phone is reached while it is hardened: over which connection, as whom.
 *
 * A phone in the factory's state asks for no login, and one whose password was just changed wants
 * another than the configuration names. So each way has a phone object of its own, with the
 * accounts that hold now. A way is used by one thing at a time: phones take one request. */
#ifndef PROXY_HARDEN_WAY_H
#define PROXY_HARDEN_WAY_H

#include "proxy/harden/fetch.h"

/* Octets of a page that is read. */
#define WAY_PAGE_MAX ((size_t)524288)

struct way {
    struct worker *worker;
    struct phone *phone; /* owned; NULL: no way yet */
    const struct profile *profile;
    struct phone_timeouts timeouts;
    enum phone_account_kind account;
    bool background;
};

/* An account as it is tried; .user empty: none. */
struct way_account {
    struct str user, password;
};

/* Open a way to the phone of `cfg` with these accounts instead of its own. A phone that asks for no
 * login is served as well. False with one line in `error`. The way before is closed. */
MUST_USE bool way_open(struct way *way, const struct config_phone *cfg, struct way_account login,
                       struct way_account service, char *error, size_t error_len);
void way_close(struct way *way);

/* Was the account's password taken on this way? */
bool way_is_proven(const struct way *way, enum phone_account_kind account);
/* The same, and does `answer` say nothing against it? A vault is changed by this only: a phone that
 * locks between challenge and answer says 403 to every password, one that is about to start 5xx,
 * and one that proves another password than ours gives no answer at all (phone_rspauth_wrong). */
bool way_took_password(const struct way *way, enum phone_account_kind account,
                       const struct fetch_answer *answer);

struct fetch *way_get(const struct way *way, struct str target, fetch_done *done, void *user);
/* A form: may change something. */
struct fetch *way_post(const struct way *way, struct str target, struct str body, fetch_done *done,
                       void *user);

/* Why an answer is no page, by a stable name; NULL for 200. */
const char *way_trouble(const struct fetch_answer *answer);

#endif
