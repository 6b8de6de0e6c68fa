/* The service's record for a registry (VOResource 1.1), of what execdm.yaml says of it. */
#include <ctype.h>
#include <sys/stat.h>
#include "handlers.h"
#include "host/clock.h"
#include "host/site.h"
#include "vosi.h"
#include "xml.h"

/* What a record needs, and what the configuration calls it. */
static const char *const needed[] = {"identifier", "title", "description", "publisher", "contact"};

/* ivo://AUTHORITY/PATH as VOResource has it. */
static bool is_identifier(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_.!~*'()+=";
    if (!str_begins(text, "ivo://"))
        return false;
    size_t n = strspn(text += strlen("ivo://"), letters);
    if (n < 3 || !isalnum((unsigned char)*text))
        return false;
    for (text += n; *text == '/'; text += n) {
        n = strspn(++text, letters);
        if (n == 0)
            return false;
    }
    return !*text;
}

static int check(const struct service *s, struct err *err)
{
    own(buf_fini) struct buf missing = {0};
    for (size_t i = 0; i < COUNT(needed); i++)
        if (!json_text(service_row(s), needed[i]))
            buf_print(&missing, "%sservice.%s", missing.len ? ", " : "", needed[i]);
    if (!json_text(s->site, "url"))
        buf_print(&missing, "%surl", missing.len ? ", " : "");
    if (missing.len)
        return err_set(err, CODE_CONFIG,
                       "a record for a registry needs what execdm.yaml does not say: %s; see "
                       "execdm.yaml(5)",
                       missing.bytes);
    const char *identifier = json_text(service_row(s), "identifier");
    return is_identifier(identifier)
               ? 0
               : err_set(err, CODE_CONFIG,
                         "execdm.yaml: service.identifier: expected ivo://AUTHORITY/NAME, found "
                         "\"%s\"",
                         identifier);
}

/* As of when it is: what it says was written then. In UTC, with whole seconds. */
static void print_date(char text[WHEN_TEXT])
{
    struct stat st = {.st_mtim.tv_sec = clock_ms() / 1000};
    own(str_fini) char *dir = config_dir();
    own(str_fini) char *path = dir ? site_file(dir, "execdm") : NULL;
    if (path)
        stat(path, &st);
    when_print((struct when){.sec = st.st_mtim.tv_sec}, text);
}

static void write_curation(struct buf *b, const json_t *row)
{
    const char *publisher = json_text(row, "publisher");
    xml_open(b, 1, "curation", NULL);
    xml_leaf(b, 2, "publisher", NULL, publisher);
    xml_open(b, 2, "contact", NULL);
    xml_leaf(b, 3, "name", NULL, publisher);
    xml_leaf(b, 3, "email", NULL, json_text(row, "contact"));
    xml_close(b, 2, "contact");
    xml_close(b, 1, "curation");
}

static void write_content(struct buf *b, const struct service *s)
{
    own(str_fini) char *url = service_url(s, "%s", "");
    xml_open(b, 1, "content", NULL);
    /* words of the IVOA's list for subjects, the Unified Astronomy Thesaurus */
    xml_leaf(b, 2, "subject", NULL, "virtual-observatories");
    xml_leaf(b, 2, "subject", NULL, "cloud-computing");
    xml_leaf(b, 2, "description", NULL, json_text(service_row(s), "description"));
    xml_leaf(b, 2, "referenceURL", NULL, url);
    xml_leaf(b, 2, "type", NULL, "Other");
    xml_leaf(b, 2, "contentLevel", NULL, "Research");
    xml_close(b, 1, "content");
}

int record_print(struct service *s, struct buf *out, struct err *err)
{
    char date[WHEN_TEXT];
    const json_t *row = service_row(s);
    if (check(s, err) < 0)
        return -1;
    own(json_fini) json_t *capabilities = vosi_capabilities(s);
    print_date(date);
    xml_begin(out);
    xml_open(out, 0, "ri:Resource",
             ATTRIBUTES({"xmlns:ri", "http://www.ivoa.net/xml/RegistryInterface/v1.0"},
                        VOSI_PREFIXES, {"xsi:type", "vr:Service"}, {"created", date},
                        {"updated", date}, {"status", "active"}, {"version", "1.1"}));
    xml_leaf(out, 1, "title", NULL, json_text(row, "title"));
    xml_leaf(out, 1, "identifier", NULL, json_text(row, "identifier"));
    write_curation(out, row);
    write_content(out, s);
    vosi_write(out, capabilities);
    xml_close(out, 0, "ri:Resource");
    return 0;
}
