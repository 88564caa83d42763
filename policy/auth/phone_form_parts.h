/* phone_form_parts.h: what the files of phone_form share, and nobody else sees.
 *
 * phone_form.c: the recipe, and what is sent. phone_form_answer.c: what is answered. */
#ifndef POLICY_AUTH_PHONE_FORM_PARTS_H
#define POLICY_AUTH_PHONE_FORM_PARTS_H

#include "policy/auth/phone_form.h"

/* Put the cookies that the gate makes itself into the jar. False where one does not fit there. */
MUST_USE bool phone_form_make_cookies(const struct phone_form_step *step,
                                      const struct phone_form_account *account,
                                      struct phone_form_run *run);

#endif
