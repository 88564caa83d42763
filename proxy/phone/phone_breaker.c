#include "proxy/phone/phone_breaker.h"

#include <string.h>

#include "policy/base/bytes.h"

/* Lengths stand between the texts, so that no two lists have the same octets. */
static void digest(const uint8_t salt[PHONE_BREAKER_SALT], const struct str *texts, size_t count,
                   uint8_t out[HASH_MAX_LEN]) {
    uint64_t lengths[4];
    struct str parts[6] = {{(const char *)salt, PHONE_BREAKER_SALT},
                           {(const char *)lengths, sizeof(lengths)}};
    ENSURE(count == ARRAY_LEN(lengths));
    for (size_t i = 0; i < count; i++) {
        lengths[i] = texts[i].len;
        parts[2 + i] = texts[i];
    }
    struct hasher *hasher = hasher_new();
    bool done = hash_parts(hasher, HASH_SHA256, parts, ARRAY_LEN(parts), out);
    ENSURE(done);
    hasher_free(hasher);
}

void phone_breaker_name(const struct phone *phone, enum phone_account_kind kind,
                        const uint8_t salt[PHONE_BREAKER_SALT], struct phone_breaker *b) {
    const struct phone_account *account = &phone->accounts[kind];
    const struct str which = kind == ACCOUNT_ADMIN ? STR("admin") : STR("login");
    const struct str names[] = {phone->id, phone->authority, which, account->user};
    const struct str secrets[] = {account->password, account->candidate, STR_NONE, STR_NONE};
    uint8_t hash[HASH_MAX_LEN];
    digest(salt, names, ARRAY_LEN(names), hash);
    memcpy(b->account, hash, sizeof(b->account));
    digest(salt, secrets, ARRAY_LEN(secrets), hash);
    memcpy(b->password, hash, sizeof(b->password));
    bytes_wipe(hash, sizeof(hash));
}

bool phone_breaker_same(const struct phone_breaker *b, const struct phone_breaker *other) {
    return memcmp(b->account, other->account, sizeof(b->account)) == 0 &&
           memcmp(b->password, other->password, sizeof(b->password)) == 0;
}

/* Rejections count until a password was taken. A candidate alone begins as the next one: that is no
 * news. */
static bool is_worth_it(const struct phone_account *account) {
    bool only = account->password.len == 0;
    if (account->rejections > 0) return true;
    return account->candidate_state > CANDIDATE_KEPT &&
           !(only && account->candidate_state == CANDIDATE_NEXT);
}

bool phone_breaker_of(struct phone *phone, enum phone_account_kind kind,
                      const uint8_t salt[PHONE_BREAKER_SALT], struct phone_breaker *b) {
    const struct phone_account *account = &phone->accounts[kind];
    pthread_mutex_lock(&phone->lock);
    bool worth = is_worth_it(account);
    *b = (struct phone_breaker){.candidate = account->candidate_state,
                                .rejections = account->rejections,
                                .unanswered = account->unanswered,
                                .retry_ms = account->state != LOGIN_PROVEN ? account->retry_ms : 0};
    pthread_mutex_unlock(&phone->lock);
    if (worth) phone_breaker_name(phone, kind, salt, b);
    return worth;
}

void phone_breaker_use(struct phone *phone, enum phone_account_kind kind,
                       const struct phone_breaker *b, uint64_t latest_ms) {
    struct phone_account *account = &phone->accounts[kind];
    /* What no account of ours can be in comes from a file that somebody wrote into. */
    if ((b->candidate == CANDIDATE_NONE) != (account->candidate.len == 0)) return;
    bool on_candidate = b->candidate == CANDIDATE_NEXT || b->candidate == CANDIDATE_TAKEN;
    pthread_mutex_lock(&phone->lock);
    account->candidate_state = b->candidate;
    account->candidate_told = true;
    account->rejections = b->rejections;
    account->unanswered = b->unanswered;
    account->retry_ms = b->retry_ms < latest_ms ? b->retry_ms : latest_ms;
    if (b->retry_ms > 0) account->state = LOGIN_BROKEN;
    atomic_store(&account->on_candidate, on_candidate || account->password.len == 0);
    pthread_mutex_unlock(&phone->lock);
}

void phone_breaker_move(struct phone *from, struct phone *to) {
    static const uint8_t none[PHONE_BREAKER_SALT] = {0}; /* it does not leave the process */
    for (int i = 0; i < PHONE_ACCOUNTS; i++) {
        const enum phone_account_kind kind = (enum phone_account_kind)i;
        struct phone_breaker was, is;
        if (!phone_breaker_of(from, kind, none, &was)) continue;
        phone_breaker_name(to, kind, none, &is);
        if (phone_breaker_same(&was, &is)) phone_breaker_use(to, kind, &was, UINT64_MAX);
    }
}
