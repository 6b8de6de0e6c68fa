/* What the service says of itself by the IVOA's support interfaces (VOSI 1.1). */
#ifndef CGI_VOSI_H
#define CGI_VOSI_H

#include "service.h"

/* Its capabilities as in capabilities.json, a new reference. */
json_t *vosi_capabilities(const struct service *s);
/* Appends them as XML, as they stand in the document of VOSI and in a record (VOResource). The
 * prefixes vr, vs and xsi are to be bound around them. */
void vosi_write(struct buf *b, const json_t *capabilities);

#define VOSI_PREFIXES                                                                              \
    {"xmlns:vr", "http://www.ivoa.net/xml/VOResource/v1.0"},                                       \
        {"xmlns:vs", "http://www.ivoa.net/xml/VODataService/v1.1"},                                \
    {                                                                                              \
        "xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"                                   \
    }

#endif
