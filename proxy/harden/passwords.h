/* passwords.h: new passwords and PINs for phones.
 *
 * Every password that the rules allow is equally likely. The rules: what the vendor asks for (12 to
 * 16 characters, both cases, digits, symbols), characters that nobody mixes up when typing one off
 * a screen, and symbols that need no quoting in a phone's forms, XML and text settings. */
#ifndef PROXY_HARDEN_PASSWORDS_H
#define PROXY_HARDEN_PASSWORDS_H

#include "policy/base/outbuf.h"

enum password_kind {
    PASSWORD_WEB,   /* http_pass, service_mode_password */
    PASSWORD_ADMIN, /* admin_mode_password: typed on the keypad now and then */
    PASSWORD_PIN,   /* keyboard_lock_pw */
};

#define PASSWORD_LEN     16 /* 94 bits */
#define PASSWORD_PIN_LEN 6

/* Fill `out` with random octets; false where there are none to be had. */
typedef bool password_random(void *user, uint8_t *out, size_t len);
/* The system's generator. */
bool password_os_random(void *unused, uint8_t *out, size_t len);

/* Append one to `out`. False when `random` fails or makes no sense (its octets never fit), or `out`
 * is full: nothing may be used then. */
MUST_USE bool password_make(enum password_kind kind, password_random *random, void *user,
                            struct outbuf *out);

#endif
