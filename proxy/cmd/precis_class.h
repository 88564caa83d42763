/* precis_class.h: which characters a string of PRECIS (RFC 8264) may hold. */
#ifndef PROXY_CMD_PRECIS_CLASS_H
#define PROXY_CMD_PRECIS_CLASS_H

#include <unitypes.h>

#include "policy/base/str.h"

enum precis_class {
    PRECIS_IDENTIFIER, /* names: letters, digits, visible ASCII */
    PRECIS_FREEFORM,   /* passwords: spaces, symbols, punctuation as well */
};

/* Index of the first code point that may not stand there, with the reason; `len` where all may. */
size_t precis_class_check(enum precis_class class, const ucs4_t *text, size_t len,
                          const char **reason);

/* The Bidi rule (RFC 5893 section 2) for a text with right-to-left characters; true for others. */
bool precis_bidi_is_fine(const ucs4_t *text, size_t len);

#endif
