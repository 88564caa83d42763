#include <string.h>

#include "proxy/client/exchange_parts.h"
#include "proxy/client/respond.h"

static struct asset_cache *cache_of(const struct exchange *x) {
    return x->worker->shared->assets;
}

static struct phone *phone_of(const struct exchange *x) {
    return x->site->phones[x->decision.phone->index];
}

static bool is_used(const struct exchange *x) {
    return x->site->config->asset_cache.bytes > 0 && x->decision.phone->profile->static_count > 0;
}

/* A look as of now: what is fetched from here on belongs to this generation of the phone. */
static enum asset_verdict look(struct exchange *x, struct asset **copy) {
    struct exchange_asset *a = &x->asset;
    a->key.generation = phone_generation(phone_of(x));
    return asset_cache_find(cache_of(x), &a->key, a->reload, worker_now(x->worker), copy);
}

static void drop_copy(struct exchange *x) {
    asset_cache_release(cache_of(x), x->asset.copy);
    x->asset.copy = NULL;
    x->asset.confirms = false;
}

static void drop_fresh(struct exchange *x) {
    asset_cache_release(cache_of(x), x->asset.fresh);
    x->asset.fresh = NULL;
}

bool exchange_asset_answer(struct exchange *x) {
    struct exchange_asset *a = &x->asset;
    ENSURE(x->decision.verdict ==
           DECIDE_FORWARD); /* nobody gets a copy who may not ask the phone */
    const struct policy_phone *phone = x->decision.phone;
    if (!is_used(x) || !asset_is_asked(phone->profile, &x->view, x->decision.path.decoded))
        return false;
    a->asked = true;
    a->reload = asset_wants_fresh(&x->view);
    a->result = ASSET_RESULT_MISS;
    a->key = (struct asset_key){
        .phone = phone_of(x)->cache_key,
        .account =
            x->decision.admin_account && phone->has_admin_login ? ACCOUNT_ADMIN : ACCOUNT_LOGIN,
        .target = x->decision.target,
    };
    switch (look(x, &a->copy)) {
    case ASSET_NONE:
        return false;
    case ASSET_STALE:
        a->confirms = true;
        return false;
    case ASSET_FRESH:
        break;
    }
    a->result = ASSET_RESULT_HIT;
    respond_copy(x);
    return true;
}

struct request_view exchange_asset_view(struct exchange *x) {
    struct request_view view = x->view;
    if (!x->asset.confirms) return view;
    const struct asset_validators *v = &x->asset.copy->validators;
    struct header *headers =
        arena_alloc(&x->conn->arena, (view.header_count + 2) * sizeof(*headers));
    if (headers == NULL) { /* the whole of it, then */
        drop_copy(x);
        return view;
    }
    size_t count = 0;
    for (size_t i = 0; i < view.header_count; i++) {
        struct str name = view.headers[i].name;
        if (!str_equal_icase(name, STR("If-None-Match")) &&
            !str_equal_icase(name, STR("If-Modified-Since")))
            headers[count++] = view.headers[i];
    }
    if (v->phone_tag.len > 0)
        headers[count++] = (struct header){STR("If-None-Match"), v->phone_tag};
    if (v->last_modified.len > 0)
        headers[count++] = (struct header){STR("If-Modified-Since"), v->last_modified};
    view.headers = headers;
    view.header_count = count;
    return view;
}

bool exchange_asset_came(struct exchange *x) {
    struct exchange_asset *a = &x->asset;
    struct asset *copy = NULL;
    if (!a->asked) return false;
    if (look(x, &copy) != ASSET_FRESH) {
        /* The request at hand asks about the copy that we hold. */
        asset_cache_release(cache_of(x), copy);
        return false;
    }
    drop_copy(x);
    a->copy = copy;
    return true;
}

/* ---- the phone's answer ---- */

static void note_server(struct exchange *x, const struct response_view *res) {
    if (res->status != 200) return; /* refusals may come from another part of the phone */
    for (size_t i = 0; i < res->header_count; i++) {
        if (!str_equal_icase(res->headers[i].name, STR("Server"))) continue;
        phone_note_trait(phone_of(x), PHONE_TRAIT_SERVER, res->headers[i].value);
        return;
    }
}

/* Will the end of this body be told from a cut? */
static bool ends_surely(const struct exchange *x, const struct response_view *res) {
    switch (res->body) {
    case RESPONSE_NONE:
        return false;
    case RESPONSE_LENGTH:
        return res->content_length > 0;
    case RESPONSE_CHUNKED:
        return true;
    case RESPONSE_UNTIL_CLOSE:
        return phone_of(x)->tls != NULL;
    }
    return false;
}

bool exchange_asset_head(struct exchange *x, const struct response_view *res) {
    struct exchange_asset *a = &x->asset;
    if (!is_used(x)) return false;
    note_server(x, res);
    if (!a->asked) return false;
    if (a->confirms && res->status == 304) {
        x->phone_status = res->status;
        return true;
    }
    drop_copy(x);
    if (x->view.method == METHOD_GET && ends_surely(x, res) &&
        asset_may_keep(res->status, res->headers, res->header_count))
        a->fresh = asset_cache_begin(cache_of(x), &a->key, res->headers, res->header_count,
                                     res->body == RESPONSE_LENGTH ? res->content_length : 0);
    return false;
}

void exchange_asset_body(struct exchange *x, struct str data) {
    struct exchange_asset *a = &x->asset;
    if (a->fresh != NULL && !asset_cache_add(cache_of(x), a->fresh, data)) drop_fresh(x);
}

static struct str kept_field(const struct asset *asset, struct str name) {
    for (size_t i = 0; i < asset->header_count; i++) {
        if (str_equal_icase(asset->headers[i].name, name)) return asset->headers[i].value;
    }
    return STR_NONE;
}

/* Another content has another tag, and so has the same in another shape. */
static bool identify(struct exchange *x, const struct asset *asset, uint8_t hash[HASH_MAX_LEN]) {
    struct str parts[] = {kept_field(asset, STR("Content-Type")), STR("\n"),
                          kept_field(asset, STR("Content-Encoding")), STR("\n"), asset->body};
    return hash_parts(x->worker->hasher, HASH_SHA256, parts, ARRAY_LEN(parts), hash);
}

/* The answer is complete. What was asked for before the phone changed is not kept; nor is nothing,
 * which busy phones answer. */
static void keep_fresh(struct exchange *x) {
    struct exchange_asset *a = &x->asset;
    uint8_t hash[HASH_MAX_LEN];
    if (a->fresh == NULL) return;
    bool good = a->fresh->body.len > 0 && a->key.generation == phone_generation(phone_of(x));
    if (good && identify(x, a->fresh, hash)) {
        asset_cache_keep(cache_of(x), a->fresh, hash, worker_now(x->worker));
        a->fresh = NULL;
    } else {
        drop_fresh(x);
    }
}

bool exchange_asset_done(struct exchange *x) {
    struct exchange_asset *a = &x->asset;
    keep_fresh(x);
    if (a->copy == NULL) return false;
    if (a->confirms) {
        asset_cache_confirm(cache_of(x), a->copy, worker_now(x->worker));
        a->result = ASSET_RESULT_REVALIDATED;
    } else { /* it came while we waited: the phone was not asked */
        x->asked_phone = false;
        a->result = ASSET_RESULT_HIT;
    }
    respond_copy(x);
    return true;
}

void exchange_asset_end(struct exchange *x) {
    if (x->asset.result != ASSET_RESULT_NONE) asset_cache_count(cache_of(x), x->asset.result);
    drop_fresh(x);
    drop_copy(x);
}
