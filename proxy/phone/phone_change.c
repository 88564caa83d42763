#include <string.h>

#include "proxy/phone/phone.h"

void phone_note_change(struct phone *phone) {
    atomic_fetch_add(&phone->generation, 1);
}

uint64_t phone_generation(const struct phone *phone) {
    return atomic_load(&phone->generation);
}

void phone_note_trait(struct phone *phone, enum phone_trait_kind kind, struct str value) {
    struct phone_trait *trait = &phone->traits[kind];
    struct str cut = str_part(value, 0, sizeof(trait->text));
    if (cut.len == 0) return;
    pthread_mutex_lock(&phone->lock);
    struct str before = {trait->text, trait->len};
    bool changed = before.len > 0 && !str_equal(before, cut);
    if (before.len == 0 || changed) {
        memcpy(trait->text, cut.ptr, cut.len);
        trait->len = cut.len;
    }
    pthread_mutex_unlock(&phone->lock);
    if (changed) phone_note_change(phone);
}

bool phone_note_wrong_key(struct phone *phone, const uint8_t pin[32]) {
    pthread_mutex_lock(&phone->lock);
    bool news = !phone->wrong_key || memcmp(phone->wrong_pin, pin, sizeof(phone->wrong_pin)) != 0;
    phone->wrong_key = true;
    memcpy(phone->wrong_pin, pin, sizeof(phone->wrong_pin));
    pthread_mutex_unlock(&phone->lock);
    return news;
}

bool phone_note_right_key(struct phone *phone) {
    pthread_mutex_lock(&phone->lock);
    bool news = phone->wrong_key;
    phone->wrong_key = false;
    pthread_mutex_unlock(&phone->lock);
    return news;
}

bool phone_shows_wrong_key(struct phone *phone) {
    pthread_mutex_lock(&phone->lock);
    bool wrong = phone->wrong_key;
    pthread_mutex_unlock(&phone->lock);
    return wrong;
}
