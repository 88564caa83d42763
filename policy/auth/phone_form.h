/* phone_form.h: logging in to a phone that has a form instead of Digest or Basic.
 *
 * What a model's form wants is a recipe in its profile: a few requests, each with the fields it
 * sends and the values it takes from the answer; what an answer looks like when the session is
 * over; how to log out. Here the recipe is read and applied, as pure text: fields out, answers in.
 * Which connection, when, and when to give up is decided by the caller.
 *
 * A recipe is shared: the configuration and each phone hold a reference, because a phone outlives a
 * reload where nothing of it changed. Immutable once loaded. */
#ifndef POLICY_AUTH_PHONE_FORM_H
#define POLICY_AUTH_PHONE_FORM_H

#include <stdatomic.h>

#include "policy/auth/phone_form_jar.h"
#include "policy/base/arena.h"
#include "policy/base/hash.h"
#include "policy/base/outbuf.h"

/* Limits of a recipe, and of what it takes from answers. */
#define PHONE_FORM_STEPS       4
#define PHONE_FORM_FIELDS      8   /* of one request */
#define PHONE_FORM_VALUES      4   /* taken in one login */
#define PHONE_FORM_VALUE_BYTES 256 /* of one of them; longer is as good as absent */
#define PHONE_FORM_BODY_BYTES  4096
/* Octets of a recipe as it is kept. */
#define PHONE_FORM_RECIPE_BYTES 32768

/* One field of a form, or one cookie. The value is text with placeholders: {user}, {password},
 * {NAME} of a value taken before, {md5(...)} and {sha256(...)} over names that are joined with ":"
 * (a colon between them) or "+" (nothing between them), as lower-case hex. */
struct phone_form_field {
    struct str name, value;
};

/* A value of an answer. Where several places are given the first one that has it counts. */
struct phone_form_take {
    struct str name;   /* how placeholders call it */
    struct str field;  /* <input name="..." value="..."> of a page */
    struct str json;   /* "...": "..." anywhere in the text; strict JSON is not asked for */
    struct str cookie; /* set by the phone */
};

struct phone_form_step {
    bool post; /* else GET */
    struct str path;
    const struct phone_form_field *fields; /* the body, form-encoded */
    size_t field_count;
    const struct phone_form_take *takes;
    size_t take_count;
    const struct phone_form_field *cookies; /* made by the gate once the values are taken */
    size_t cookie_count;
    unsigned status;             /* the answer's status, where `locations` is empty */
    const struct str *locations; /* else: a redirection to one of these paths */
    size_t location_count;
    struct str accepted; /* stands in the answer's text; empty: not asked for */
    struct str refused;  /* stands there when the login was rejected */
    bool sends_password; /* in whatever form */
};

/* What an answer looks like when nobody is logged in; a 401 always does. */
struct phone_form_signs {
    unsigned status; /* 0: none */
    const struct str *locations;
    size_t location_count;
    const struct str *texts; /* near the beginning of a page */
    size_t text_count;
};

struct phone_form {
    atomic_uint refs;
    struct arena arena; /* of all that follows */
    uint8_t digest[32]; /* of the recipe: the same digest, the same login */
    const struct phone_form_step *steps;
    size_t step_count;
    const struct str *cookies; /* names that are kept; none: all */
    size_t cookie_count;
    struct phone_form_signs logged_out;
    struct str probe; /* a page that changes nothing, asked to see whether the session lives */
    const struct phone_form_step *log_out; /* what people must not send; the gate does not
                                               log out itself. NULL: the phone knows none */
    struct phone_form *next;               /* in the configuration's list */
};

/* An empty recipe with one reference. */
struct phone_form *phone_form_new(void);
struct phone_form *phone_form_hold(struct phone_form *form);
void phone_form_release(struct phone_form *form);
/* Fill in `digest`. */
MUST_USE bool phone_form_seal(struct phone_form *form, struct hasher *h);

/* ---- what is sent ---- */

/* One login under way. Wiped by whoever owns it. */
struct phone_form_run {
    struct phone_form_jar jar;
    size_t value_count;
    struct {
        struct str name; /* of the recipe */
        size_t len;
        char text[PHONE_FORM_VALUE_BYTES];
    } values[PHONE_FORM_VALUES];
};

struct phone_form_account {
    struct hasher *hasher;
    struct str user, password;
};

/* Is `value` a text that can be filled in, given the names of values taken before? NULL, or what is
 * wrong with it. *password is set where it uses the password. */
const char *phone_form_check(struct str value, const struct str *names, size_t count,
                             bool *password);

/* Write a step's body. False where a value is missing, a hash is, or it does not fit. */
MUST_USE bool phone_form_body(const struct phone_form_step *step,
                              const struct phone_form_account *account,
                              const struct phone_form_run *run, struct outbuf *out);

/* ---- what is answered ---- */

enum phone_form_verdict {
    PHONE_FORM_OK,
    PHONE_FORM_STATUS,        /* another status than the recipe's */
    PHONE_FORM_LOCATION,      /* a redirection elsewhere */
    PHONE_FORM_REFUSED,       /* the text of a rejection */
    PHONE_FORM_NOT_ACCEPTED,  /* the text of success is missing */
    PHONE_FORM_NO_VALUE,      /* a value is missing, too long or holds odd characters */
    PHONE_FORM_VALUES_DIFFER, /* it stands there twice, with different contents */
    PHONE_FORM_COOKIE_LIMITS, /* more cookies, or longer ones, than are kept */
    PHONE_FORM_NO_COOKIE,     /* the login is through and there is no cookie to send */
};

/* The head of a step's answer: its cookies go into the jar. */
MUST_USE enum phone_form_verdict phone_form_head(const struct phone_form *form,
                                                 const struct phone_form_step *step,
                                                 unsigned status, const struct header *headers,
                                                 size_t count, struct phone_form_run *run);
/* Its text: values are taken, cookies made; after the last step there must be one. */
MUST_USE enum phone_form_verdict phone_form_page(const struct phone_form *form,
                                                 const struct phone_form_step *step,
                                                 const struct phone_form_account *account,
                                                 struct str text, struct phone_form_run *run);

/* Does this answer say that nobody is logged in? By its head, by its text. */
bool phone_form_head_is_out(const struct phone_form *form, unsigned status,
                            const struct header *headers, size_t count);
bool phone_form_text_is_out(const struct phone_form *form, struct str text);
/* Has the text of an answer with this head to be looked at? */
bool phone_form_reads_text(const struct phone_form *form, const struct header *headers,
                           size_t count);

/* Keep what the phone sets, within limits: false where something had to be left out. */
bool phone_form_cookies(const struct phone_form *form, const struct header *headers, size_t count,
                        struct phone_form_jar *jar);

const char *phone_form_verdict_str(enum phone_form_verdict verdict);

#endif
