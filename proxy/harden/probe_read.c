#include <string.h>

#include "policy/base/bytes.h"
#include "policy/base/mac.h"
#include "proxy/harden/probe_parts.h"

void probe_fetch(struct probe *p, struct str target, struct str body,
                 enum phone_account_kind account, fetch_done *done) {
    bool open = p->result.facts.challenge == HARDEN_CHALLENGE_NONE;
    bool post = body.ptr != NULL;
    struct fetch_request request = {
        .method = post ? STR("POST") : STR("GET"),
        .target = target,
        .fields = post ? STR("Content-Type: application/x-www-form-urlencoded\r\n") : STR_NONE,
        .body = body,
        .changes = post,
        .background = p->options.background,
        .account = open ? ACCOUNT_LOGIN : account,
        .answer_max = DUMP_BYTES_MAX,
        .profile = p->cfg->policy->profile,
    };
    if (!open)
        p->result.account =
            account == ACCOUNT_ADMIN ? p->cfg->admin_login.user : p->cfg->login.user;
    p->fetch =
        fetch_start(p->worker, open ? p->side : p->phone, &request, &p->options.timeouts, done, p);
}

static void read_page(struct probe *p, struct str target, fetch_done *done) {
    bool service = p->cfg->admin_login.user.len > 0;
    probe_fetch(p, target, STR_NONE, service ? ACCOUNT_ADMIN : ACCOUNT_LOGIN, done);
}

void probe_failed(struct probe *p, const char *reason) {
    bool refused = strcmp(reason, "phone_credentials_rejected") == 0;
    bool locked = strcmp(reason, "phone_locked") == 0;
    if (refused) p->result.facts.login_refused = true;
    if (locked) p->result.facts.locked_out = true;
    probe_trouble(p, refused ? "login_refused" : locked ? "locked_out" : reason);
}

/* ---- which phone it is ---- */

static struct str keep(char *to, size_t room, struct str text) {
    struct outbuf out;
    outbuf_init(&out, to, room);
    outbuf_put(&out, text);
    return outbuf_str(&out);
}

static void note_about(struct probe *p, struct str page) {
    struct about about;
    about_read(page, &p->cfg->policy->profile->about, &about);
    struct harden_facts *facts = &p->result.facts;
    facts->model = keep(p->model, sizeof(p->model), about.model);
    facts->firmware = keep(p->firmware, sizeof(p->firmware), about.firmware);
    if (mac_read(about.mac, p->mac)) p->result.mac = (struct str){p->mac, MAC_HEX};
    bool other_model = p->cfg->model.len > 0 && about.model.len > 0 &&
                       !about_same_model(about.model, p->cfg->model);
    bool other_mac =
        p->cfg->mac.len > 0 && p->result.mac.len > 0 && !str_equal(p->cfg->mac, p->result.mac);
    facts->wrong_model = other_model || other_mac;
    if (facts->wrong_model) probe_trouble(p, other_model ? "wrong_model" : "wrong_mac");
}

static void on_about(void *user, const struct fetch_answer *a) {
    struct probe *p = user;
    p->fetch = NULL;
    if (a->reason != NULL)
        probe_failed(p, a->reason);
    else if (a->status == 200)
        note_about(p, a->body);
    probe_finish(p);
}

static void read_about(struct probe *p) {
    struct str page = p->cfg->policy->profile->about.page;
    if (page.len > 0)
        read_page(p, page, on_about);
    else
        probe_finish(p);
}

/* ---- the settings ---- */

static const char *dump_trouble(enum dump_verdict verdict) {
    switch (verdict) {
    case DUMP_OK:
        return NULL;
    case DUMP_NOT_ONE:
        return "settings_not_found";
    case DUMP_TRUNCATED:
        return "settings_truncated";
    case DUMP_MALFORMED:
        return "settings_malformed";
    case DUMP_TOO_BIG:
    case DUMP_NO_MEMORY:
        return "settings_too_long";
    }
    return "settings_malformed";
}

static void drop_text(struct probe *p) {
    if (p->text != NULL) bytes_wipe(p->text, p->text_len);
    free(p->text);
    p->text = NULL;
    arena_wipe(&p->arena);
    arena_reset(&p->arena);
}

static const char *read_settings(struct probe *p, const struct fetch_answer *a) {
    if (a->status == 403) return "settings_forbidden";
    if (a->status != 200) return "settings_not_found";
    p->text_len = a->body.len;
    p->text = malloc(a->body.len + 1);
    ENSURE(p->text != NULL);
    if (a->body.len > 0) memcpy(p->text, a->body.ptr, a->body.len);
    struct str text = {p->text, p->text_len};
    const char *trouble = dump_trouble(dump_read(text, &p->arena, &p->dump));
    if (trouble == NULL)
        p->result.facts.settings = &p->dump;
    else
        drop_text(p);
    return trouble;
}

static void on_settings(void *user, const struct fetch_answer *a);

void probe_settings(struct probe *p) {
    const struct profile *profile = p->cfg->policy->profile;
    if (p->page < profile->settings_page_count) {
        read_page(p, profile->settings_pages[p->page++], on_settings);
        return;
    }
    if (p->page_trouble != NULL) probe_trouble(p, p->page_trouble);
    read_about(p);
}

static void on_settings(void *user, const struct fetch_answer *a) {
    struct probe *p = user;
    p->fetch = NULL;
    if (a->reason != NULL && strcmp(a->reason, "answer_too_long") != 0) {
        probe_failed(p, a->reason); /* nothing is asked again blindly */
        probe_finish(p);
        return;
    }
    const char *trouble = a->reason != NULL ? "settings_too_long" : read_settings(p, a);
    if (p->page_trouble == NULL) p->page_trouble = trouble;
    if (trouble == NULL)
        read_about(p);
    else
        probe_settings(p);
}

/* ---- whether at all ---- */

/* May somebody log in, or read without a login? Says why not, where that is worth a word. */
static bool may_read(struct probe *p) {
    const struct harden_facts *facts = &p->result.facts;
    bool proven = facts->certificate == HARDEN_CERTIFICATE_TRUSTED;
    if (p->options.quick || p->result.trouble != NULL) return false;
    if (p->cfg->tls && facts->https != HARDEN_PORT_OPEN) return false;
    if (!proven) {
        probe_trouble(p, p->cfg->tls ? "certificate_unchecked" : "no_tls");
        return false;
    }
    if (facts->challenge == HARDEN_CHALLENGE_BASIC) {
        probe_trouble(p, "basic_only");
        return false;
    }
    bool known = facts->challenge != HARDEN_CHALLENGE_UNKNOWN;
    bool has_login = p->cfg->login.user.len > 0 || facts->challenge == HARDEN_CHALLENGE_NONE;
    return known && has_login && p->cfg->policy->profile->settings_page_count > 0;
}

void probe_read(struct probe *p) {
    bool open = p->result.facts.challenge == HARDEN_CHALLENGE_NONE;
    if (!may_read(p)) {
        probe_finish(p);
        return;
    }
    if (!open) {
        probe_give_slot(p);
        if (!probe_factory(p)) probe_settings(p);
        return;
    }
    /* The phone's own queue does not know these requests, so the slot stays ours. */
    if (probe_side(p, PROBE_OPEN, p->cfg->port))
        probe_settings(p);
    else
        probe_finish_soon(p);
}
