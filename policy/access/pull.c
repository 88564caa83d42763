#include "policy/access/pull.h"

static const struct {
    unsigned status;
    const char *text;
} reasons[] = {
#define X(name, status, text) {status, text},
    PULL_REASONS(X)
#undef X
};

static void deny(struct pull_decision *d, enum pull_reason reason) {
    d->verdict = PULL_DENY;
    d->status = reasons[reason].status;
    d->reason = reasons[reason].text;
}

/* ---- which file ---- */

bool pull_path_mac(struct str path, char mac[MAC_HEX]) {
    static const struct str ends[] = {{".xml", 4}, {".htm", 4}};
    if (path.len == 0 || path.ptr[0] != '/') return false;
    struct str name = str_part(path, 1, path.len);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (!str_ends_with(name, ends[i])) continue;
        name.len -= ends[i].len;
        break;
    }
    size_t dash = str_find(name, '-', 0);
    if (dash < name.len) {
        if (dash == 0 || dash > PULL_TYPE_MAX) return false;
        for (size_t i = 0; i < dash; i++)
            if (!ascii_is_alpha(name.ptr[i]) && !ascii_is_digit(name.ptr[i])) return false;
        name = str_part(name, dash + 1, name.len);
    }
    return name.len == MAC_HEX && mac_read(name, mac);
}

/* ---- who asks ---- */

static size_t phone_of(const struct pull_ctx *ctx, struct str mac) {
    for (size_t i = 0; mac.len == MAC_HEX && i < ctx->count; i++)
        if (str_equal(ctx->macs[i], mac)) return i;
    return ctx->count;
}

/* False: `d` says what to answer. */
static bool proves_password(const struct pull_ctx *ctx, const struct request_view *req,
                            struct pull_decision *d) {
    authn_check(&ctx->authn, req, &d->authn);
    d->reason = authn_reason_str(d->authn.reason);
    switch (d->authn.verdict) {
    case AUTHN_OK:
        d->index = phone_of(ctx, d->authn.user->name);
        if (d->index < ctx->count) return true;
        deny(d, PULL_REASON_UNDECIDED); /* a user whose phone is gone: not of this configuration */
        return false;
    case AUTHN_STALE:
    case AUTHN_CHALLENGE:
        d->verdict = PULL_CHALLENGE;
        d->status = 401;
        return false;
    case AUTHN_BAD:
        d->status = 400;
        return false;
    case AUTHN_LOCKED:
        d->status = 429;
        return false;
    }
    deny(d, PULL_REASON_UNDECIDED);
    return false;
}

/* ---- may it ---- */

static enum pull_reason judge(const struct pull_ctx *ctx, const struct request_view *req,
                              size_t index, enum pull_reason proof) {
    char mac[MAC_HEX];
    if (req->method != METHOD_GET && req->method != METHOD_HEAD) return PULL_REASON_METHOD;
    if (req->body != BODY_NONE) return PULL_REASON_BODY;
    if (req->query.ptr != NULL || !pull_path_mac(req->path, mac)) return PULL_REASON_NOT_FOUND;
    if (!str_equal((struct str){mac, sizeof(mac)}, ctx->macs[index]))
        return PULL_REASON_OTHER_PHONE;
    return proof;
}

void pull_decide(const struct pull_ctx *ctx, const struct request_view *req,
                 struct pull_decision *d) {
    enum pull_reason proof = PULL_REASON_CERTIFICATE;
    *d = (struct pull_decision){.index = phone_of(ctx, ctx->certificate)};
    deny(d, PULL_REASON_UNDECIDED);
    if (d->index == ctx->count) {
        proof = PULL_REASON_PASSWORD;
        if (!proves_password(ctx, req, d)) return;
    }
    enum pull_reason reason = judge(ctx, req, d->index, proof);
    deny(d, reason);
    if (reason == proof) d->verdict = PULL_SERVE;
}
