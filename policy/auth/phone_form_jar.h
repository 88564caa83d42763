/* phone_form_jar.h: the cookies of one session at a phone, as the gate keeps them.
 *
 * The text is what stands behind "Cookie: ". As good as a password: never logged, never given to a
 * browser, wiped when it changes hands. Path, Domain and life time are not kept: the jar belongs to
 * one phone, and the phone says when it is over. */
#ifndef POLICY_AUTH_PHONE_FORM_JAR_H
#define POLICY_AUTH_PHONE_FORM_JAR_H

#include "policy/base/request.h"

#define PHONE_FORM_COOKIES           8
#define PHONE_FORM_COOKIE_NAME_BYTES 64
#define PHONE_FORM_JAR_BYTES         1024 /* all of them as they are sent */

struct phone_form_jar {
    size_t count, len;
    char text[PHONE_FORM_JAR_BYTES];
};

/* Add or replace one; an empty value removes it. False where a limit is met or name or value cannot
 * stand in a Cookie field: the jar is as it was. */
MUST_USE bool phone_form_jar_put(struct phone_form_jar *jar, struct str name, struct str value);

/* The value of a cookie; .ptr is NULL where there is none. */
struct str phone_form_jar_get(const struct phone_form_jar *jar, struct str name);

struct str phone_form_jar_text(const struct phone_form_jar *jar);

/* Name and value of a Set-Cookie field; the value is empty where the phone takes it back. False
 * where it names none. */
MUST_USE bool phone_form_jar_read(struct str set_cookie, struct str *name, struct str *value);

#endif
