#include "proxy/phone/phone.h"

void phone_spare_put(struct phone *phone, enum phone_account_kind kind,
                     const struct phone_challenge *challenge, uint64_t now_ms) {
    struct phone_account *account = &phone->accounts[kind];
    pthread_mutex_lock(&phone->lock);
    account->spare = *challenge;
    account->spare_ms = now_ms;
    account->has_spare = account->state == LOGIN_PROVEN && !account->nonces_die;
    pthread_mutex_unlock(&phone->lock);
}

bool phone_spare_take(struct phone *phone, enum phone_account_kind kind,
                      struct phone_challenge *challenge, uint64_t now_ms) {
    struct phone_account *account = &phone->accounts[kind];
    pthread_mutex_lock(&phone->lock);
    bool fresh = account->has_spare && now_ms - account->spare_ms < PHONE_SPARE_NONCE_MS;
    if (fresh) *challenge = account->spare;
    account->has_spare = false;
    pthread_mutex_unlock(&phone->lock);
    return fresh;
}

void phone_spare_refused(struct phone *phone, enum phone_account_kind kind) {
    struct phone_account *account = &phone->accounts[kind];
    pthread_mutex_lock(&phone->lock);
    account->nonces_die = true;
    account->has_spare = false;
    pthread_mutex_unlock(&phone->lock);
}

bool phone_spare_is_useless(struct phone *phone, enum phone_account_kind kind) {
    pthread_mutex_lock(&phone->lock);
    bool useless = phone->accounts[kind].nonces_die;
    pthread_mutex_unlock(&phone->lock);
    return useless;
}
