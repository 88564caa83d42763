#include "proxy/client/exchange_parts.h"
#include "proxy/client/page.h"
#include "proxy/client/respond_parts.h"

/* "https://" and the phone's own name, with the port the person came by. */
static void put_host_href(struct exchange *x, const struct policy_phone *phone,
                          struct outbuf *href) {
    if (phone->host.len == 0) return;
    struct str authority = x->view.authority;
    size_t port = authority.len;
    while (port > 0 && ascii_is_digit(authority.ptr[port - 1])) port--;
    outbuf_put(href, STR("https://"));
    outbuf_put(href, phone->host);
    if (port > 0 && authority.ptr[port - 1] == ':' && port < authority.len)
        outbuf_put(href, str_part(authority, port - 1, authority.len));
    outbuf_char(href, '/');
}

static void put_phone(struct exchange *x, const struct policy_phone *phone, struct str role,
                      struct outbuf *page) {
    char host_memory[512];
    char path_memory[128];
    struct outbuf host;
    struct outbuf path;
    outbuf_init(&host, host_memory, sizeof(host_memory));
    outbuf_init(&path, path_memory, sizeof(path_memory));
    put_host_href(x, phone, &host);
    outbuf_put(&path, STR("/phone/"));
    outbuf_put(&path, phone->id);
    outbuf_char(&path, '/');
    struct page_phone line = {phone->name, role, host.full ? STR_NONE : outbuf_str(&host),
                              outbuf_str(&path)};
    page_portal_phone(page, &line);
}

/* One line for each phone that is open to this person; how many there are. */
static size_t put_phones(struct exchange *x, struct outbuf *page) {
    const struct policy *policy = &x->site->config->policy;
    const struct decide_ctx ctx = exchange_decide_ctx(x);
    size_t listed = 0;
    for (size_t i = 0; i < policy->phone_count; i++) {
        const struct policy_phone *phone = &policy->phones[i];
        const struct grant *grant = decide_grant(&ctx, x->decision.user, phone, NULL);
        if (grant == NULL) continue;
        put_phone(x, phone, grant->role, page);
        listed++;
    }
    return listed;
}

static void put_whoami(struct exchange *x, struct outbuf *page) {
    struct sessions *sessions = x->worker->shared->sessions;
    struct str name = x->decision.user->name;
    struct page_person person = {
        .name = name,
        .address = str_of(x->conn->ip),
        .algorithm = hash_name(x->decision.authn.algorithm),
        .since_ms = sessions_since(sessions, sessions_user_key(sessions, name)),
    };
    page_whoami(page, &person);
    page_portal_end(page, put_phones(x, page));
}

static void put_page(struct exchange *x, struct outbuf *page) {
    switch (x->decision.page) {
    case PORTAL_PHONES:
        page_portal_begin(page, x->decision.user->name);
        page_portal_end(page, put_phones(x, page));
        return;
    case PORTAL_WHOAMI:
        put_whoami(x, page);
        return;
    case PORTAL_SIGN_OUT:
        page_sign_out(page, x->decision.user->name);
        return;
    }
}

static void sign_out(struct exchange *x, struct outbuf *page) {
    struct sessions *sessions = x->worker->shared->sessions;
    sessions_end(sessions, sessions_user_key(sessions, x->decision.user->name),
                 worker_epoch_ms(x->worker));
    page_signed_out(page);
}

void respond_portal(struct exchange *x) {
    size_t cap = PAGE_MAX + x->site->config->policy.phone_count * 2048;
    char *memory = malloc(cap);
    ENSURE(memory != NULL);
    struct outbuf page;
    outbuf_init(&page, memory, cap);
    if (x->decision.verdict == DECIDE_SIGN_OUT)
        sign_out(x, &page);
    else
        put_page(x, &page);
    x->reason = x->decision.reason;
    x->outcome = "allowed";
    respond_own(x, &(struct own_answer){200, STR(""), outbuf_str(&page)});
    free(memory);
}
