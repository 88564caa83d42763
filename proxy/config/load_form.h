/* load_form.h: how a phone's form is logged in to: the group "form" of a profile.
 *
 * For profiles whose login is "form", and for none else. What the gate does itself at such a phone
 * must not be open to people as well: no rule may allow the requests that log in or out. */
#ifndef PROXY_CONFIG_LOAD_FORM_H
#define PROXY_CONFIG_LOAD_FORM_H

#include "proxy/config/loader.h"

/* Read the group (NULL: there is none) of a profile that begins at `root`. The snapshot owns what
 * is returned; NULL after an error, and where the login is no form. */
struct phone_form *load_form(struct loader *l, const struct reader *r, const config_setting_t *root,
                             const config_setting_t *group, bool is_form);

/* The profile's rules are read: none of them may let a person log the gate in or out. */
void load_form_check_rules(const struct reader *r, const config_setting_t *group,
                           const struct profile *profile);

/* A phone of such a profile: passwords and cookies only go where it has proven itself. */
void load_form_check_phone(struct loader *l, const config_setting_t *group,
                           const struct config_phone *phone, const struct profile *profile);

#endif
