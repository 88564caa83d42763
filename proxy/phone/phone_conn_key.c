#include <string.h>

#include "policy/base/outbuf.h"
#include "proxy/base/log.h"
#include "proxy/phone/phone_conn_parts.h"
#include "proxy/record/event.h"

static void tell(struct phone_conn *c, const uint8_t pin[32], const char *outcome,
                 const char *reason) {
    char hex[64];
    struct outbuf out;
    outbuf_init(&out, hex, sizeof(hex));
    outbuf_hex(&out, pin, 32);
    const struct event_field shown = {"pin_sha256", outbuf_str(&out)};
    const struct event event = {.event = "phone_certificate_changed",
                                .outcome = outcome,
                                .reason = reason,
                                .phone = c->phone->id,
                                .more = &shown,
                                .more_count = 1};
    event_write(c->worker->shared->log, &event);
    log_event(LOG_ERROR, "phone.certificate_changed", "phone=" STR_FMT " why=%s pin=" STR_FMT,
              STR_ARG(c->phone->id), reason, STR_ARG(shown.value));
}

void pc_note_key(struct phone_conn *c, const char *refusal) {
    uint8_t pin[32];
    if (c->stream.ssl == NULL || !phone_tls_seen_pin(c->stream.ssl, pin)) return;
    if (refusal != NULL && strcmp(refusal, "pin_mismatch") == 0) {
        if (phone_note_wrong_key(c->phone, pin)) tell(c, pin, "denied", "pin_mismatch");
        return;
    }
    if (refusal != NULL) return;
    phone_note_trait(c->phone, PHONE_TRAIT_KEY, (struct str){(const char *)pin, sizeof(pin)});
    if (phone_note_right_key(c->phone)) tell(c, pin, "allowed", "pin_known");
}
