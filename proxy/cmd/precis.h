/* precis.h: names and passwords of people, made equal before they are stored (RFC 8265).
 *
 * Who signs in types the same characters in another form than who made the account: composed or
 * not, wide or not. So both are brought into one form, NFC, when the account is made; at sign-in
 * octets are compared as they are sent. */
#ifndef PROXY_CMD_PRECIS_H
#define PROXY_CMD_PRECIS_H

#include "proxy/config/textfile.h"

/* UsernameCasePreserved, with blanks between its parts (RFC 8265 3.4, 3.5): full-width characters
 * become ordinary ones, then NFC. False with one line in `error` where a character is not allowed.
 * Free *out with textfile_free. */
MUST_USE bool precis_username(struct str name, struct textfile *out, char *error, size_t error_len);

/* OpaqueString (RFC 8265 4.2): other blanks become U+0020, then NFC. */
MUST_USE bool precis_password(struct str password, struct textfile *out, char *error,
                              size_t error_len);

/* Would both be the same name, if both were allowed? */
bool precis_same_name(struct str a, struct str b);

/* Is `name` spelled as precis_username spells it (ASCII always is)? */
bool precis_is_spelled_right(struct str name);

#endif
