#include "proxy/config/weak.h"

#include "policy/auth/users.h"
#include "policy/base/bytes.h"

/* Factory passwords of desk phones, and what people put in their place. */
static const struct str guesses[] = {
    {"0000", 4},      {"1234", 4},     {"12345678", 8}, {"456", 3},      {"789", 3},
    {"123456", 6},    {"admin", 5},    {"password", 8}, {"secret", 6},   {"user", 4},
    {"123456789", 9}, {"qwertyui", 8}, {"changeme", 8}, {"phonegate", 9}};

/* weak_ha1 runs at every load over every user: only the likeliest, a hash each. */
#define HA1_GUESSES 8

static bool is_one_character(struct str s) {
    for (size_t i = 1; i < s.len; i++)
        if (s.ptr[i] != s.ptr[0]) return false;
    return true;
}

const char *weak_password(struct str user, struct str password) {
    if (str_equal_icase(user, password)) return "it is the user's name";
    for (size_t i = 0; i < ARRAY_LEN(guesses); i++)
        if (str_equal_icase(guesses[i], password)) return "it is among the first to be guessed";
    if (password.len < WEAK_MIN_LEN) return "it has fewer than 8 characters";
    if (is_one_character(password)) return "it repeats one character";
    return NULL;
}

bool weak_ha1(struct hasher *h, enum hash_alg alg, struct str user, struct str realm,
              const uint8_t *ha1) {
    bool weak = false;
    for (size_t i = 0; i <= HA1_GUESSES && !weak; i++) {
        uint8_t guess[HASH_MAX_LEN];
        struct str password = i == HA1_GUESSES ? user : guesses[i];
        weak = users_ha1(h, alg, user, realm, password, guess) &&
               bytes_equal_ct(guess, ha1, hash_len(alg));
        bytes_wipe(guess, sizeof(guess));
    }
    return weak;
}
