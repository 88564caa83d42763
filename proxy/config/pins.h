/* pins.h: the text of a pins file: by which public keys phones are known.
 *
 *     # PHONE  SHA-256 of the public key (SubjectPublicKeyInfo)  [until TIME]
 *     101 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *
 * A phone may have several. One with a time counts no longer from then on: it is an old one, whose
 * phone may not have been changed yet. `phonegate pin add` writes it. */
#ifndef PROXY_CONFIG_PINS_H
#define PROXY_CONFIG_PINS_H

#include "policy/base/str.h"

#define PINS_FILE_MAX ((size_t)16 << 20)
#define PIN_LEN       32

struct pin_line {
    struct str phone;
    uint8_t pin[PIN_LEN];
    uint64_t until_s; /* since 1970; 0: no end */
};

/* False where it is no pin; *problem is NULL then for an empty line or a remark, else what is
 * wrong. */
MUST_USE bool pins_read_line(struct str line, struct pin_line *pin, const char **problem);

/* The text with `pin` in force for `phone`: others of this phone end `window_s` from now, or
 * earlier where they did before; those that have ended go. All other lines stay as they are.
 * malloc'ed. */
char *pins_add(struct str text, struct str phone, const uint8_t pin[PIN_LEN], uint64_t now_s,
               uint64_t window_s, size_t *len);

/* "2026-11-30T13:40:00Z", with NUL. */
#define PINS_TIME_LEN 32
void pins_time(uint64_t at_s, char text[PINS_TIME_LEN]);

#endif
