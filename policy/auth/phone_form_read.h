/* phone_form_read.h: finding one value in what a phone sent.
 *
 * Neither page nor JSON is parsed as a whole: phones write both as they like. What is taken goes
 * into requests and cookies, so only plain characters are, and a value that stands there twice with
 * different contents is nobody's. */
#ifndef POLICY_AUTH_PHONE_FORM_READ_H
#define POLICY_AUTH_PHONE_FORM_READ_H

#include "policy/base/str.h"

enum phone_form_found { PHONE_FORM_FOUND, PHONE_FORM_ABSENT, PHONE_FORM_AMBIGUOUS };

/* The value of <input ... name="NAME" ... value="...">, attributes in any order and any case. */
MUST_USE enum phone_form_found phone_form_read_field(struct str page, struct str name,
                                                     struct str *value);
/* The text or number behind "NAME": wherever it stands. */
MUST_USE enum phone_form_found phone_form_read_json(struct str text, struct str name,
                                                    struct str *value);
/* 1 to `max` of the characters that need no escape anywhere: letters, digits and -._~+/= */
bool phone_form_value_is_plain(struct str value, size_t max);

#endif
