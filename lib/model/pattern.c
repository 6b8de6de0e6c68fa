/* Patterns of schemas, compiled once each and kept for the life of the program. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include "model/schema.h"

static struct {
    char *text;
    pcre2_code *code;
} kept[64];
static size_t nkept;

static pcre2_code *compile(const char *pattern, struct err *err)
{
    for (size_t i = 0; i < nkept; i++)
        if (strcmp(kept[i].text, pattern) == 0)
            return kept[i].code;
    int number;
    PCRE2_SIZE at;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY, &number, &at, NULL);
    if (!code) {
        PCRE2_UCHAR text[200];
        pcre2_get_error_message(number, text, sizeof(text));
        err_set(err, CODE_CONFIG, "pattern \"%s\": %s at %zu", pattern, (char *)text, at);
        return NULL;
    }
    if (nkept == COUNT(kept)) { /* more patterns than any schema of ours: forget the oldest */
        free(kept[0].text);
        pcre2_code_free(kept[0].code);
        memmove(kept, kept + 1, sizeof(kept) - sizeof(kept[0]));
        nkept--;
    }
    kept[nkept].text = str_new(pattern);
    kept[nkept++].code = code;
    return code;
}

int pattern_match(const char *pattern, const char *text, size_t len, struct err *err)
{
    pcre2_code *code = compile(pattern, err);
    if (!code)
        return -1;
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int rc = pcre2_match(code, (PCRE2_SPTR)text, len, 0, 0, data, NULL);
    pcre2_match_data_free(data);
    return rc >= 0;
}
