#include <string.h>

#include "proxy/harden/probe_parts.h"

/* Was it a certificate that ended the handshake? */
static bool is_about_certificate(const char *reason) {
    static const char *const reasons[] = {"phone_pin_mismatch", "phone_name_mismatch",
                                          "phone_certificate_expired", "phone_certificate_weak",
                                          "phone_certificate_untrusted"};
    for (size_t i = 0; reason != NULL && i < ARRAY_LEN(reasons); i++) {
        if (strcmp(reason, reasons[i]) == 0) return true;
    }
    return false;
}

/* Nobody answered at all: every further port would cost as long, and say nothing. */
static bool is_silence(const char *reason) {
    static const char *const reasons[] = {"phone_connect_timeout", "phone_unreachable",
                                          "phone_name_unknown"};
    for (size_t i = 0; reason != NULL && i < ARRAY_LEN(reasons); i++) {
        if (strcmp(reason, reasons[i]) == 0) return true;
    }
    return false;
}

static void look(struct probe *p, struct phone *phone, bool asks, look_done *done) {
    struct look_request request = {
        .ask = asks, .keep = phone == p->phone && asks, .timeouts = p->options.timeouts};
    p->look = look_start(p->worker, phone, &request, done, p);
}

/* ---- the old remote port ---- */

static void on_remote(void *user, const struct look_answer *a) {
    struct probe *p = user;
    p->look = NULL;
    if (a->accepted)
        p->result.facts.remote = HARDEN_PORT_OPEN;
    else if (a->reason != NULL && strcmp(a->reason, "phone_refused") == 0)
        p->result.facts.remote = HARDEN_PORT_CLOSED;
    probe_read(p);
}

/* The port is not the web server's, and may be slow to say no: people need not wait for it. Where
 * the pages are open to everybody, reading them needs the slot again. */
static void look_at_remote(struct probe *p) {
    bool open = p->result.facts.challenge == HARDEN_CHALLENGE_NONE;
    if (p->options.background && !open) probe_give_slot(p);
    if (probe_side(p, PROBE_CLEAR, p->cfg->remote_port))
        look(p, p->side, false, on_remote);
    else
        probe_finish_soon(p);
}

/* ---- what an answer without a login says ---- */

static void note_challenge(struct probe *p, const struct look_answer *a) {
    struct harden_facts *facts = &p->result.facts;
    bool by_form = p->cfg->policy->profile->login == PHONE_LOGIN_FORM;
    if (facts->challenge != HARDEN_CHALLENGE_UNKNOWN) return;
    if (a->status == 401)
        facts->challenge = a->challenge;
    else if (a->status >= 200 && a->status < 300)
        facts->challenge = by_form ? HARDEN_CHALLENGE_OTHER : HARDEN_CHALLENGE_NONE;
    else if (a->status >= 300 && a->status < 400)
        facts->challenge = HARDEN_CHALLENGE_OTHER; /* to a form, most likely */
}

/* ---- the plain port ---- */

static enum harden_plain plain_of(const struct probe *p, const struct look_answer *a) {
    const struct harden_facts *facts = &p->result.facts;
    /* Refused by a phone that is just starting says nothing, so its other port has to be open. */
    bool starting = facts->https != HARDEN_PORT_OPEN && !facts->wui_off_wanted;
    if (a->status == 0) {
        static const char *const refused[] = {"phone_refused", "phone_closed", "phone_reset"};
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
            if (strcmp(a->reason, refused[i]) == 0)
                return starting ? HARDEN_PLAIN_UNKNOWN : HARDEN_PLAIN_REFUSED;
        }
        return a->accepted && strcmp(a->reason, "phone_first_byte_timeout") != 0
                   ? HARDEN_PLAIN_ANSWERS
                   : HARDEN_PLAIN_UNKNOWN;
    }
    /* A phone that locked everybody out says 403 whatever its port would serve. */
    if (a->status == 403) return facts->locked_out ? HARDEN_PLAIN_UNKNOWN : HARDEN_PLAIN_FORBIDDEN;
    bool moved = a->status == 301 || a->status == 302 || a->status == 307 || a->status == 308;
    return moved && a->to_https ? HARDEN_PLAIN_REDIRECT : HARDEN_PLAIN_ANSWERS;
}

static void on_plain(void *user, const struct look_answer *a) {
    struct probe *p = user;
    p->look = NULL;
    p->result.facts.plain = plain_of(p, a);
    if (p->result.facts.plain == HARDEN_PLAIN_ANSWERS) note_challenge(p, a);
    if (!p->cfg->tls && a->reason != NULL) probe_trouble(p, a->reason);
    if (!p->cfg->tls && is_silence(a->reason))
        probe_finish(p);
    else
        look_at_remote(p);
}

static void look_at_plain(struct probe *p) {
    if (probe_side(p, PROBE_CLEAR, p->cfg->tls ? p->cfg->plain_port : p->cfg->port))
        look(p, p->side, true, on_plain);
    else
        probe_finish_soon(p);
}

/* ---- the TLS port ---- */

static enum harden_tls version_of(int version) {
    if (version >= TLS1_3_VERSION) return HARDEN_TLS_1_3;
    return version == TLS1_2_VERSION ? HARDEN_TLS_1_2 : HARDEN_TLS_OLDER;
}

static bool is_pinned(const struct config_phone *cfg, const uint8_t pin[32]) {
    for (size_t i = 0; i < cfg->pin_count; i++) {
        if (memcmp(cfg->pins[i], pin, 32) == 0) return true;
    }
    return false;
}

static void note_pin(struct probe *p, const struct look_answer *a) {
    p->result.has_pin = a->has_pin;
    memcpy(p->result.pin, a->pin, sizeof(a->pin));
}

/* A second look, at what only old software speaks. Nothing secret is ever sent there. */
static void on_old_tls(void *user, const struct look_answer *a) {
    struct probe *p = user;
    struct harden_facts *facts = &p->result.facts;
    p->look = NULL;
    if (a->tls_version == 0) {
        probe_trouble(p, "phone_tls_failed");
        probe_go_on(p, look_at_plain);
        return;
    }
    note_pin(p, a);
    facts->tls = version_of(a->tls_version);
    probe_trouble(p, facts->tls == HARDEN_TLS_OLDER ? "tls_older" : "tls_unusable");
    if (p->cfg->verify == PHONE_VERIFY_NONE)
        facts->certificate = HARDEN_CERTIFICATE_UNCHECKED;
    else if (p->cfg->verify == PHONE_VERIFY_PIN)
        facts->certificate =
            is_pinned(p->cfg, a->pin) ? HARDEN_CERTIFICATE_TRUSTED : HARDEN_CERTIFICATE_CHANGED;
    note_challenge(p, a);
    probe_go_on(p, look_at_plain);
}

static void look_at_old_tls(struct probe *p) {
    if (probe_side(p, PROBE_OLD_TLS, p->cfg->port))
        look(p, p->side, true, on_old_tls);
    else
        probe_go_on(p, look_at_plain);
}

/* What ended the handshake. A pinned certificate with a key too short is the right one all the
 * same. */
static void note_certificate(struct probe *p, const char *reason) {
    static const struct {
        const char *reason, *trouble;
        enum harden_certificate certificate;
    } kinds[] = {
        {"phone_pin_mismatch", "certificate_changed", HARDEN_CERTIFICATE_CHANGED},
        {"phone_name_mismatch", "certificate_of_another", HARDEN_CERTIFICATE_CHANGED},
        {"phone_certificate_expired", "certificate_expired", HARDEN_CERTIFICATE_UNPINNED},
    };
    bool pinned = p->cfg->verify == PHONE_VERIFY_PIN;
    enum harden_certificate certificate =
        pinned ? HARDEN_CERTIFICATE_TRUSTED : HARDEN_CERTIFICATE_CHANGED;
    bool weak = strcmp(reason, "phone_certificate_weak") == 0;
    const char *trouble = weak ? "certificate_weak" : "certificate_untrusted";
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(reason, kinds[i].reason) != 0) continue;
        certificate = kinds[i].certificate;
        trouble = kinds[i].trouble;
    }
    if (pinned && p->cfg->pin_count == 0) { /* nobody has confirmed one yet */
        certificate = HARDEN_CERTIFICATE_UNPINNED;
        trouble = "certificate_unpinned";
    }
    p->result.facts.certificate = certificate;
    probe_trouble(p, trouble);
}

static void note_answer(struct probe *p, const struct look_answer *a) {
    struct harden_facts *facts = &p->result.facts;
    facts->tls = version_of(a->tls_version);
    facts->certificate = p->cfg->verify == PHONE_VERIFY_NONE ? HARDEN_CERTIFICATE_UNCHECKED
                                                             : HARDEN_CERTIFICATE_TRUSTED;
    /* To GET / without a login a phone says 401, or shows a page; this is its lock. */
    facts->locked_out = a->status == 403 || a->status == 423 || a->status == 429;
    if (facts->locked_out)
        probe_trouble(p, "locked_out");
    else if (a->reason != NULL)
        probe_trouble(p, a->reason);
    note_challenge(p, a);
}

static void on_tls(void *user, const struct look_answer *a) {
    struct probe *p = user;
    struct harden_facts *facts = &p->result.facts;
    p->look = NULL;
    note_pin(p, a);
    if (is_silence(a->reason)) {
        probe_trouble(p, a->reason);
        probe_finish(p);
        return;
    }
    bool closed = a->reason != NULL && (strcmp(a->reason, "phone_refused") == 0 || !a->accepted);
    facts->https = closed ? HARDEN_PORT_CLOSED : HARDEN_PORT_OPEN;
    if (closed) {
        if (!facts->wui_off_wanted)
            probe_trouble(p, strcmp(a->reason, "phone_refused") == 0 ? a->reason : "phone_closed");
    } else if (is_about_certificate(a->reason)) {
        facts->tls = version_of(a->tls_version);
        note_certificate(p, a->reason);
    } else if (a->tls_version == 0) {
        look_at_old_tls(p);
        return;
    } else {
        note_answer(p, a);
    }
    probe_go_on(p, look_at_plain);
}

void probe_look(struct probe *p) {
    if (p->cfg->tls)
        look(p, p->phone, true, on_tls);
    else
        look_at_plain(p);
}
