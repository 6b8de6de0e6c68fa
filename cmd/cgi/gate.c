#include "gate.h"

#ifdef HAVE_FCGI
#include <fcgiapp.h>
#include <signal.h>
#endif

/* --- CGI --- */

static const char *cgi_get(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

/* Not beyond what was announced: RFC 3875 (4.2) promises no end of file there. */
static ssize_t cgi_read(void *left, void *bytes, size_t n)
{
    int64_t *most = left;
    ssize_t got;
    if (*most >= 0 && (int64_t)n > *most)
        n = (size_t)*most;
    if (n == 0)
        return 0;
    while ((got = read(STDIN_FILENO, bytes, n)) < 0 && errno == EINTR)
        ;
    if (*most >= 0 && got > 0)
        *most -= got;
    return got;
}

static int cgi_write(void *context, const void *bytes, size_t n)
{
    (void)context;
    const char *p = bytes;
    while (n > 0) {
        const ssize_t put = write(STDOUT_FILENO, p, n);
        if (put < 0 && errno != EINTR)
            return -1;
        if (put > 0) {
            p += put;
            n -= (size_t)put;
        }
    }
    return 0;
}

static void serve_cgi(void (*serve)(void *context, const struct gate *gate), void *context)
{
    const char *length = getenv("CONTENT_LENGTH");
    char *end = NULL;
    int64_t left = length ? strtoll(length, &end, 10) : 0;
    if (!length || end == length || *end || left < 0)
        left = getenv("HTTP_TRANSFER_ENCODING") ? -1 : 0; /* chunked: to the end */
    const struct gate gate = {cgi_get, cgi_read, cgi_write, &left};
    serve(context, &gate);
}

/* --- FastCGI --- */

#ifdef HAVE_FCGI
static const char *fcgi_get(void *context, const char *name)
{
    return FCGX_GetParam(name, ((FCGX_Request *)context)->envp);
}

static ssize_t fcgi_read(void *context, void *bytes, size_t n)
{
    return FCGX_GetStr(bytes, (int)n, ((FCGX_Request *)context)->in);
}

static int fcgi_write(void *context, const void *bytes, size_t n)
{
    return FCGX_PutStr(bytes, (int)n, ((FCGX_Request *)context)->out) == (int)n ? 0 : -1;
}

static void on_end(int sig)
{
    (void)sig;
    FCGX_ShutdownPending();
}

static int serve_fcgi(void (*serve)(void *context, const struct gate *gate), void *context,
                      struct err *err)
{
    FCGX_Request request;
    const struct sigaction end = {.sa_handler = on_end};
    if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
        return err_set(err, CODE_OS, "cannot begin to serve FastCGI");
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGUSR1, &end, NULL);
    while (FCGX_Accept_r(&request) == 0) {
        const struct gate gate = {fcgi_get, fcgi_read, fcgi_write, &request};
        serve(context, &gate);
        FCGX_Finish_r(&request);
    }
    return 0;
}
#endif

bool gate_started(void)
{
#ifdef HAVE_FCGI
    if (!FCGX_IsCGI())
        return true;
#endif
    return getenv("GATEWAY_INTERFACE") || getenv("REQUEST_METHOD");
}

int gate_serve(void (*serve)(void *context, const struct gate *gate), void *context,
               struct err *err)
{
#ifdef HAVE_FCGI
    if (!FCGX_IsCGI())
        return serve_fcgi(serve, context, err);
#endif
    (void)err;
    serve_cgi(serve, context);
    return 0;
}
