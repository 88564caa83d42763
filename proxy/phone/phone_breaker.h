/* phone_breaker.h: what came of an account's passwords, apart from the phone's object: it goes over
 * to the object that a reload makes when something else of the phone changed, and to the process
 * after a restart. Without it each of them would send a refused password once more, and phones lock
 * their page for everybody after a few. */
#ifndef PROXY_PHONE_PHONE_BREAKER_H
#define PROXY_PHONE_PHONE_BREAKER_H

#include "proxy/phone/phone.h"

#define PHONE_BREAKER_SALT 16

struct phone_breaker {
    uint8_t account[8];  /* which phone, at which address, and which account */
    uint8_t password[2]; /* whether it is another one by now: too short to find it by */
    enum phone_candidate candidate;
    unsigned rejections, unanswered;
    uint64_t retry_ms; /* epoch; 0: it may be sent */
};

/* Only whose it would be. */
void phone_breaker_name(const struct phone *phone, enum phone_account_kind kind,
                        const uint8_t salt[PHONE_BREAKER_SALT], struct phone_breaker *b);
/* Is this of the same account, which has the same password? */
bool phone_breaker_same(const struct phone_breaker *b, const struct phone_breaker *other);
/* False where there is nothing to remember: no password of this account was refused. */
MUST_USE bool phone_breaker_of(struct phone *phone, enum phone_account_kind kind,
                               const uint8_t salt[PHONE_BREAKER_SALT], struct phone_breaker *b);
/* For a phone that nobody uses yet, and of which b is: go on where that one ended, but wait no
 * longer than until `latest_ms`. */
void phone_breaker_use(struct phone *phone, enum phone_account_kind kind,
                       const struct phone_breaker *b, uint64_t latest_ms);
/* From one object to another, all accounts that have the same passwords there. */
void phone_breaker_move(struct phone *from, struct phone *to);

#endif
