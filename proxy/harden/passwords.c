#include "proxy/harden/passwords.h"

#include <sys/random.h>

#include "policy/base/bytes.h"

#define UPPER   "ABCDEFGHJKLMNPQRSTUVWXYZ"
#define LOWER   "abcdefghijkmnpqrstuvwxyz"
#define DIGITS  "23456789"
#define SYMBOLS "-_.*@"

/* Two draws in three have all four kinds of characters; a source that fails so often is broken. */
#define DRAWS_MAX 1000

bool password_os_random(void *unused, uint8_t *out, size_t len) {
    (void)unused;
    return len <= 256 && getrandom(out, len, 0) == (ssize_t)len;
}

/* 0..count-1, each equally likely: octets beyond the last whole multiple are thrown away. */
static bool draw(password_random *random, void *user, unsigned count, unsigned *number) {
    const unsigned usable = 256 / count * count;
    for (int i = 0; i < DRAWS_MAX; i++) {
        uint8_t octet;
        if (!random(user, &octet, 1)) return false;
        if (octet >= usable) continue;
        *number = octet % count;
        return true;
    }
    return false;
}

static bool draw_text(password_random *random, void *user, struct str alphabet, char *text,
                      size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned number;
        if (!draw(random, user, (unsigned)alphabet.len, &number)) return false;
        text[i] = alphabet.ptr[number];
    }
    return true;
}

static bool has_one_of(struct str text, struct str kind) {
    for (size_t i = 0; i < text.len; i++)
        if (str_find(kind, text.ptr[i], 0) < kind.len) return true;
    return false;
}

static bool password_is_good(struct str text) {
    return has_one_of(text, STR(UPPER)) && has_one_of(text, STR(LOWER)) &&
           has_one_of(text, STR(DIGITS)) && has_one_of(text, STR(SYMBOLS));
}

/* Four different digits, and no four in a row up or down: not 112211, 123465, 098712. */
static bool pin_is_good(struct str pin) {
    unsigned seen = 0, different = 0, up = 1, down = 1;
    for (size_t i = 0; i < pin.len; i++) {
        unsigned digit = (unsigned)(pin.ptr[i] - '0');
        different += (seen >> digit & 1U) == 0;
        seen |= 1U << digit;
        if (i == 0) continue;
        unsigned before = (unsigned)(pin.ptr[i - 1] - '0');
        up = digit == (before + 1) % 10 ? up + 1 : 1;
        down = before == (digit + 1) % 10 ? down + 1 : 1;
        if (up >= 4 || down >= 4) return false;
    }
    return different >= 4;
}

bool password_make(enum password_kind kind, password_random *random, void *user,
                   struct outbuf *out) {
    const bool pin = kind == PASSWORD_PIN;
    const struct str alphabet = pin ? STR("0123456789") : STR(UPPER LOWER DIGITS SYMBOLS);
    char memory[PASSWORD_LEN];
    struct str text = {memory, pin ? PASSWORD_PIN_LEN : PASSWORD_LEN};
    bool good = false, drawn = true;
    for (int i = 0; i < DRAWS_MAX && drawn && !good; i++) {
        drawn = draw_text(random, user, alphabet, memory, text.len);
        good = drawn && (pin ? pin_is_good(text) : password_is_good(text));
    }
    if (good) outbuf_put(out, text);
    bytes_wipe(memory, sizeof(memory));
    return good && !out->full;
}
