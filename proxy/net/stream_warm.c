#include <string.h>

#include "proxy/net/stream_parts.h"

void stream_leave_warm(struct stream *s) {
    s->writes = 0;
    if (!s->warm) return;
    s->warm = false;
    s->io->warm_count--;
}

/* With SSL_MODE_RELEASE_BUFFERS, which our contexts set, every record takes its buffer from malloc
 * and gives it back. */
void stream_warm_up(struct stream *s) {
    if (++s->writes < STREAM_WARM_WRITES || s->io->warm_count == IO_WARM_MAX) return;
    s->warm = true;
    s->io->warm_count++;
    SSL_clear_mode(s->ssl, SSL_MODE_RELEASE_BUFFERS);
}

void stream_cool(struct stream *s) {
    bool kept = s->warm;
    stream_leave_warm(s);
    if (!kept || s->state != STREAM_OPEN) return;
    SSL_set_mode(s->ssl, SSL_MODE_RELEASE_BUFFERS);
    /* In the middle of a record the mode does it when the record ends: before OpenSSL 3.0.14
     * SSL_free_buffers took what was still needed (CVE-2024-4741). */
    if (strcmp(SSL_rstate_string(s->ssl), "RH") == 0) (void)SSL_free_buffers(s->ssl);
}

void stream_cool_if_quiet(struct stream *s) {
    if (!s->stirred) stream_cool(s);
    s->stirred = false;
}
