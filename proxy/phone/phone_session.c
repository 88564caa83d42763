#include "proxy/phone/phone_session.h"

#include <stdlib.h>

#include "policy/base/bytes.h"

void phone_session_free(struct phone_session *session) {
    if (session == NULL) return;
    bytes_wipe(session, sizeof(*session));
    free(session);
}

/* The login was proven a moment ago: copy the session, if nobody has taken it meanwhile. */
static bool copy_session(struct phone *phone, enum phone_account_kind kind,
                         struct phone_session *copy) {
    pthread_mutex_lock(&phone->lock);
    struct phone_account *account = &phone->accounts[kind];
    const struct phone_session *session = account->session;
    if (session != NULL)
        *copy = *session;
    else if (account->state == LOGIN_PROVEN)
        account->state = LOGIN_UNKNOWN;
    pthread_mutex_unlock(&phone->lock);
    return session != NULL;
}

enum login_verdict phone_session_begin(struct phone *phone, enum phone_account_kind kind,
                                       struct phone_waiter *waiter, uint64_t now_ms,
                                       struct phone_session *copy) {
    for (;;) {
        enum login_verdict verdict = phone_login_begin(phone, kind, waiter, now_ms);
        if (verdict != LOGIN_GO || copy_session(phone, kind, copy)) return verdict;
    }
}

void phone_session_put(struct phone *phone, enum phone_account_kind kind, unsigned turn,
                       struct phone_session *session, uint64_t now_ms) {
    struct phone_account *account = &phone->accounts[kind];
    struct phone_session *fresh = malloc(sizeof(*fresh));
    ENSURE(fresh != NULL);
    pthread_mutex_lock(&phone->lock);
    session->id = ++account->sessions;
    session->seen_ms = now_ms;
    *fresh = *session;
    phone_session_free(account->session);
    account->session = fresh;
    pthread_mutex_unlock(&phone->lock);
    (void)phone_login_end(phone, kind, turn, LOGIN_ACCEPTED, now_ms);
}

void phone_session_seen(struct phone *phone, enum phone_account_kind kind, uint64_t id,
                        const struct header *headers, size_t count, uint64_t now_ms) {
    pthread_mutex_lock(&phone->lock);
    struct phone_session *session = phone->accounts[kind].session;
    if (session != NULL && session->id == id) {
        session->seen_ms = now_ms;
        (void)phone_form_cookies(phone->form, headers, count, &session->jar);
    }
    pthread_mutex_unlock(&phone->lock);
}

/* Under the lock: take the session out of the account. */
static struct phone_session *unlink_session(struct phone_account *account) {
    struct phone_session *session = account->session;
    account->session = NULL;
    if (account->state == LOGIN_PROVEN) account->state = LOGIN_UNKNOWN;
    return session;
}

void phone_session_lost(struct phone *phone, enum phone_account_kind kind, uint64_t id) {
    struct phone_account *account = &phone->accounts[kind];
    struct phone_session *lost = NULL;
    pthread_mutex_lock(&phone->lock);
    if (account->session != NULL && account->session->id == id) lost = unlink_session(account);
    pthread_mutex_unlock(&phone->lock);
    phone_session_free(lost);
}

bool phone_session_unanswered(struct phone *phone, enum phone_account_kind kind, unsigned max) {
    pthread_mutex_lock(&phone->lock);
    bool enough = ++phone->accounts[kind].unanswered >= max;
    pthread_mutex_unlock(&phone->lock);
    return enough;
}
