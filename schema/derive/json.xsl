<?xml version="1.0" encoding="UTF-8"?>
<!-- The JSON Schemas and the catalogue of types, into the directory `to`; with bundle=yes the one schema for editors,
     on standard output. Indenting is left to jq. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
                xmlns:exsl="http://exslt.org/common" extension-element-prefixes="exsl">
  <xsl:import href="common.xsl"/>
  <xsl:param name="to"/>
  <xsl:param name="bundle"/>
  <xsl:variable name="draft">"$schema": "https://json-schema.org/draft/2020-12/schema"</xsl:variable>

  <xsl:template match="/">
    <xsl:choose>
      <xsl:when test="$bundle"><xsl:call-template name="editor"/></xsl:when>
      <xsl:otherwise>
        <xsl:call-template name="definitions"/>
        <xsl:for-each select="$binding/class[@file] | $binding/area/type">
          <xsl:call-template name="file"><xsl:with-param name="id" select="string(@ref)"/></xsl:call-template>
        </xsl:for-each>
        <xsl:call-template name="catalogue"/>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- files -->

  <xsl:template name="head">
    <xsl:param name="name"/>
    <xsl:value-of select="$draft"/>, "$id": "<xsl:value-of select="$binding/base"/><xsl:value-of select="$name"/>"<xsl:text/>
  </xsl:template>

  <xsl:template name="file">
    <xsl:param name="id"/>
    <xsl:variable name="name">
      <xsl:call-template name="home"><xsl:with-param name="id" select="$id"/></xsl:call-template>
    </xsl:variable>
    <exsl:document href="{$to}/{$name}" method="text" encoding="UTF-8">
      <xsl:text>{</xsl:text>
      <xsl:call-template name="head"><xsl:with-param name="name" select="$name"/></xsl:call-template>
      <xsl:text>, </xsl:text>
      <xsl:call-template name="class">
        <xsl:with-param name="id" select="$id"/>
        <xsl:with-param name="here" select="string($name)"/>
      </xsl:call-template>
      <xsl:call-template name="defs"><xsl:with-param name="here" select="string($name)"/></xsl:call-template>
      <xsl:text>}</xsl:text>
    </exsl:document>
  </xsl:template>

  <xsl:template name="definitions">
    <exsl:document href="{$to}/definitions.json" method="text" encoding="UTF-8">
      <xsl:text>{</xsl:text>
      <xsl:call-template name="head"><xsl:with-param name="name" select="'definitions.json'"/></xsl:call-template>
      <xsl:text>, "title": "Definitions shared by the documents"</xsl:text>
      <xsl:call-template name="defs"><xsl:with-param name="here" select="'definitions.json'"/></xsl:call-template>
      <xsl:text>}</xsl:text>
    </exsl:document>
  </xsl:template>

  <!-- , "$defs": {...} with all that is at home in the file, but the class that is the file itself -->
  <xsl:template name="defs">
    <xsl:param name="here"/>
    <xsl:variable name="list"><xsl:call-template name="defined"><xsl:with-param name="in" select="$here"/></xsl:call-template></xsl:variable>
    <xsl:if test="exsl:node-set($list)/d">
      <xsl:text>, "$defs": {</xsl:text>
      <xsl:for-each select="exsl:node-set($list)/d">
        <xsl:if test="position() > 1">, </xsl:if>
        <xsl:call-template name="def-entry">
          <xsl:with-param name="id" select="string(@id)"/>
          <xsl:with-param name="here" select="$here"/>
        </xsl:call-template>
      </xsl:for-each>
      <xsl:text>}</xsl:text>
    </xsl:if>
  </xsl:template>

  <xsl:template name="def-entry">
    <xsl:param name="id"/>
    <xsl:param name="here"/>
    <xsl:text>"</xsl:text>
    <xsl:call-template name="def"><xsl:with-param name="id" select="$id"/></xsl:call-template>
    <xsl:text>": {</xsl:text>
    <xsl:call-template name="class">
      <xsl:with-param name="id" select="$id"/>
      <xsl:with-param name="here" select="$here"/>
    </xsl:call-template>
    <xsl:text>}</xsl:text>
  </xsl:template>

  <xsl:template name="catalogue">
    <exsl:document href="{$to}/types.json" method="text" encoding="UTF-8">
      <xsl:text>{"types": [</xsl:text>
      <xsl:for-each select="$binding/area/type">
        <xsl:if test="position() > 1">, </xsl:if>
        <xsl:text>{"uri": "</xsl:text>
        <xsl:value-of select="concat(../@prefix, @name)"/>
        <xsl:text>", "area": "</xsl:text>
        <xsl:value-of select="../@name"/>
        <xsl:text>", "schema": "types/</xsl:text>
        <xsl:value-of select="concat(../@name, '/', @name)"/>
        <xsl:text>.json", "aliases": [</xsl:text>
        <xsl:call-template name="aliases"><xsl:with-param name="type" select="."/></xsl:call-template>
        <xsl:text>]}</xsl:text>
      </xsl:for-each>
      <xsl:text>]}</xsl:text>
    </exsl:document>
  </xsl:template>

  <!-- Every spelling but the URI itself. -->
  <xsl:template name="aliases">
    <xsl:param name="type"/>
    <xsl:variable name="rest" select="concat(substring-after($type/../@prefix, 'https://www.'), $type/@name)"/>
    <xsl:value-of select="concat('&quot;http://www.', $rest, '&quot;, &quot;https://', $rest,
                                 '&quot;, &quot;http://', $rest, '&quot;')"/>
    <xsl:for-each select="$type/alias">
      <xsl:value-of select="concat(', &quot;', ., '&quot;')"/>
    </xsl:for-each>
  </xsl:template>

  <!-- The schema for editors: a task with all it refers to, and the spec of every type, without formats of ours. -->
  <xsl:template name="editor">
    <xsl:text>{</xsl:text>
    <xsl:call-template name="head"><xsl:with-param name="name" select="'editor.json'"/></xsl:call-template>
    <xsl:text>, </xsl:text>
    <xsl:call-template name="class">
      <xsl:with-param name="id" select="'task.Task'"/>
      <xsl:with-param name="here" select="'editor.json'"/>
    </xsl:call-template>
    <xsl:call-template name="defs"><xsl:with-param name="here" select="'definitions.json'"/></xsl:call-template>
    <xsl:text>}</xsl:text>
  </xsl:template>

  <!-- classes -->

  <!-- The inside of the schema of a class, an enumeration or a primitive type. -->
  <xsl:template name="class">
    <xsl:param name="id"/>
    <xsl:param name="here"/>
    <xsl:for-each select="$model">
      <xsl:for-each select="key('element', $id)">
        <xsl:choose>
          <xsl:when test="self::primitiveType">
            <xsl:call-template name="describe"><xsl:with-param name="of" select="."/></xsl:call-template>
            <xsl:text>, </xsl:text>
            <xsl:call-template name="primitive"><xsl:with-param name="ref" select="concat('execdm:', $id)"/></xsl:call-template>
          </xsl:when>
          <xsl:when test="self::enumeration"><xsl:call-template name="enumeration"/></xsl:when>
          <xsl:otherwise>
            <xsl:call-template name="object">
              <xsl:with-param name="id" select="$id"/>
              <xsl:with-param name="here" select="$here"/>
            </xsl:call-template>
          </xsl:otherwise>
        </xsl:choose>
      </xsl:for-each>
    </xsl:for-each>
  </xsl:template>

  <xsl:template name="text">
    <xsl:param name="text"/>
    <xsl:variable name="slashes">
      <xsl:call-template name="replace">
        <xsl:with-param name="text" select="normalize-space($text)"/>
        <xsl:with-param name="from" select="'\'"/>
        <xsl:with-param name="to" select="'\\'"/>
      </xsl:call-template>
    </xsl:variable>
    <xsl:text>"</xsl:text>
    <xsl:call-template name="replace">
      <xsl:with-param name="text" select="string($slashes)"/>
      <xsl:with-param name="from" select="'&quot;'"/>
      <xsl:with-param name="to" select="'\&quot;'"/>
    </xsl:call-template>
    <xsl:text>"</xsl:text>
  </xsl:template>

  <!-- Asking for the clause makes sure that there is one. -->
  <xsl:template name="describe">
    <xsl:param name="of"/>
    <xsl:param name="text" select="$of/description"/>
    <xsl:variable name="clause">
      <xsl:call-template name="clause"><xsl:with-param name="of" select="$of"/></xsl:call-template>
    </xsl:variable>
    <xsl:if test="$clause != ''">
      <xsl:text>"description": </xsl:text>
      <xsl:call-template name="text"><xsl:with-param name="text" select="$text"/></xsl:call-template>
    </xsl:if>
  </xsl:template>

  <xsl:template name="enumeration">
    <xsl:variable name="text">
      <xsl:value-of select="normalize-space(description)"/>
      <xsl:for-each select="literal">
        <xsl:value-of select="concat('; ', name, ': ')"/>
        <xsl:call-template name="words"><xsl:with-param name="of" select="."/></xsl:call-template>
      </xsl:for-each>
    </xsl:variable>
    <xsl:text>"description": </xsl:text>
    <xsl:call-template name="text"><xsl:with-param name="text" select="$text"/></xsl:call-template>
    <xsl:text>, "enum": [</xsl:text>
    <xsl:for-each select="literal">
      <xsl:if test="position() > 1">, </xsl:if>
      <xsl:value-of select="concat('&quot;', name, '&quot;')"/>
    </xsl:for-each>
    <xsl:text>]</xsl:text>
  </xsl:template>

  <xsl:template name="primitive">
    <xsl:param name="ref"/>
    <xsl:variable name="row" select="$binding/primitive[@ref = $ref]"/>
    <xsl:if test="not($row)">
      <xsl:message terminate="yes">the binding has no row for the primitive type <xsl:value-of select="$ref"/></xsl:message>
    </xsl:if>
    <xsl:choose>
      <xsl:when test="$bundle and $row/editor"><xsl:value-of select="$row/editor"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="$row/text()[normalize-space()]"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="object">
    <xsl:param name="id"/>
    <xsl:param name="here"/>
    <xsl:variable name="form">
      <xsl:call-template name="form"><xsl:with-param name="id" select="$id"/></xsl:call-template>
    </xsl:variable>
    <xsl:variable name="roles">
      <xsl:call-template name="roles"><xsl:with-param name="id" select="$id"/></xsl:call-template>
    </xsl:variable>
    <xsl:text>"title": </xsl:text>
    <xsl:variable name="title">
      <xsl:call-template name="title"><xsl:with-param name="of" select="."/></xsl:call-template>
    </xsl:variable>
    <xsl:call-template name="text"><xsl:with-param name="text" select="$title"/></xsl:call-template>
    <xsl:text>, </xsl:text>
    <xsl:call-template name="describe">
      <xsl:with-param name="of" select="."/>
      <xsl:with-param name="text" select="substring-after(normalize-space(description), ': ')"/>
    </xsl:call-template>
    <xsl:text>, "type": "object"</xsl:text>
    <xsl:choose>
      <xsl:when test="$binding/class[@ref = $id]/@union">
        <xsl:variable name="members">
          <xsl:call-template name="members"><xsl:with-param name="id" select="$id"/></xsl:call-template>
        </xsl:variable>
        <xsl:variable name="ids" select="exsl:node-set($members)/m/@id"/>
        <xsl:variable name="told" select="$binding/class[@ref = $ids and normalize-space()]"/>
        <xsl:variable name="rest" select="$ids[not(. = $told/@ref)]"/>
        <xsl:if test="count($rest) != 1">
          <xsl:message terminate="yes">of the members of <xsl:value-of select="$id"/> all but one need a text in the binding</xsl:message>
        </xsl:if>
        <xsl:text>, </xsl:text>
        <xsl:call-template name="first-of">
          <xsl:with-param name="rows" select="$told"/>
          <xsl:with-param name="rest" select="string($rest)"/>
          <xsl:with-param name="here" select="$here"/>
        </xsl:call-template>
      </xsl:when>
      <xsl:otherwise>
        <xsl:call-template name="properties">
          <xsl:with-param name="roles" select="exsl:node-set($roles)/r"/>
          <xsl:with-param name="here" select="$here"/>
        </xsl:call-template>
      </xsl:otherwise>
    </xsl:choose>
    <xsl:if test="$form = 'strict'">, "patternProperties": {"^x-": true}</xsl:if>
    <xsl:if test="$form = 'strict' or $form = 'closed'">, "additionalProperties": false</xsl:if>
  </xsl:template>

  <!-- The inside of a schema: the first class whose row's text holds, else the rest. -->
  <xsl:template name="first-of">
    <xsl:param name="rows"/>
    <xsl:param name="rest"/>
    <xsl:param name="here"/>
    <xsl:choose>
      <xsl:when test="$rows">
        <xsl:value-of select="concat('&quot;if&quot;: {', normalize-space($rows[1]), '}, &quot;then&quot;: {')"/>
        <xsl:call-template name="ref">
          <xsl:with-param name="id" select="string($rows[1]/@ref)"/>
          <xsl:with-param name="here" select="$here"/>
        </xsl:call-template>
        <xsl:text>}, "else": {</xsl:text>
        <xsl:call-template name="first-of">
          <xsl:with-param name="rows" select="$rows[position() > 1]"/>
          <xsl:with-param name="rest" select="$rest"/>
          <xsl:with-param name="here" select="$here"/>
        </xsl:call-template>
        <xsl:text>}</xsl:text>
      </xsl:when>
      <xsl:otherwise>
        <xsl:call-template name="ref">
          <xsl:with-param name="id" select="$rest"/>
          <xsl:with-param name="here" select="$here"/>
        </xsl:call-template>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- The classes a union stands for. -->
  <xsl:template name="members">
    <xsl:param name="id"/>
    <xsl:for-each select="$model//objectType[extends/vodml-ref = concat('execdm:', $id)]">
      <xsl:if test="not(@abstract = 'true')"><m id="{vodml-id}"/></xsl:if>
      <xsl:call-template name="members"><xsl:with-param name="id" select="string(vodml-id)"/></xsl:call-template>
    </xsl:for-each>
  </xsl:template>

  <xsl:template name="properties">
    <xsl:param name="roles"/>
    <xsl:param name="here"/>
    <xsl:if test="$roles">
      <xsl:text>, "properties": {</xsl:text>
      <xsl:for-each select="$roles">
        <xsl:if test="position() > 1">, </xsl:if>
        <xsl:variable name="r" select="."/>
        <xsl:for-each select="$model">
          <xsl:call-template name="property">
            <xsl:with-param name="role" select="key('element', $r/@id)"/>
            <xsl:with-param name="class" select="string($r/@class)"/>
            <xsl:with-param name="here" select="$here"/>
          </xsl:call-template>
        </xsl:for-each>
      </xsl:for-each>
      <xsl:text>}</xsl:text>
      <xsl:variable name="required">
        <xsl:for-each select="$roles">
          <xsl:variable name="r" select="."/>
          <xsl:for-each select="$model">
            <xsl:for-each select="key('element', $r/@id)">
              <xsl:if test="multiplicity/minOccurs > 0 or $binding/role[@ref = $r/@id]/@required">
                <k><xsl:call-template name="key"><xsl:with-param name="role" select="."/></xsl:call-template></k>
              </xsl:if>
            </xsl:for-each>
          </xsl:for-each>
        </xsl:for-each>
      </xsl:variable>
      <xsl:if test="exsl:node-set($required)/k">
        <xsl:text>, "required": [</xsl:text>
        <xsl:for-each select="exsl:node-set($required)/k">
          <xsl:if test="position() > 1">, </xsl:if>
          <xsl:value-of select="concat('&quot;', ., '&quot;')"/>
        </xsl:for-each>
        <xsl:text>]</xsl:text>
      </xsl:if>
      <xsl:if test="$bundle">
        <xsl:for-each select="$roles[position() = last()]/../r">
          <xsl:variable name="r" select="."/>
          <xsl:for-each select="$model">
            <xsl:variable name="ref" select="substring-after(key('element', $r/@id)/datatype/vodml-ref, 'execdm:')"/>
            <xsl:if test="$binding/area[@class = $ref]">
              <xsl:call-template name="conditions"><xsl:with-param name="area" select="$binding/area[@class = $ref]"/></xsl:call-template>
            </xsl:if>
          </xsl:for-each>
        </xsl:for-each>
      </xsl:if>
    </xsl:if>
  </xsl:template>

  <!-- if the type is this one, then the spec goes by its schema; and is needed if that needs a key -->
  <xsl:template name="conditions">
    <xsl:param name="area"/>
    <xsl:text>, "allOf": [</xsl:text>
    <xsl:for-each select="$area/type">
      <xsl:if test="position() > 1">, </xsl:if>
      <xsl:text>{"if": {"type": "object", "properties": {"type": {"enum": ["</xsl:text>
      <xsl:value-of select="concat(../@prefix, @name)"/>
      <xsl:text>", </xsl:text>
      <xsl:call-template name="aliases"><xsl:with-param name="type" select="."/></xsl:call-template>
      <xsl:text>]}}</xsl:text>
      <xsl:if test="not(@default)">, "required": ["type"]</xsl:if>
      <xsl:text>}, "then": {"type": "object", "properties": {"spec": {</xsl:text>
      <xsl:call-template name="class">
        <xsl:with-param name="id" select="string(@ref)"/>
        <xsl:with-param name="here" select="'editor.json'"/>
      </xsl:call-template>
      <xsl:text>}}</xsl:text>
      <xsl:variable name="roles">
        <xsl:call-template name="roles"><xsl:with-param name="id" select="string(@ref)"/></xsl:call-template>
      </xsl:variable>
      <xsl:if test="$model//*[multiplicity/minOccurs > 0 and vodml-id = exsl:node-set($roles)/r/@id]">, "required": ["spec"]</xsl:if>
      <xsl:text>}}</xsl:text>
    </xsl:for-each>
    <xsl:text>]</xsl:text>
  </xsl:template>

  <!-- "key": {...} -->
  <xsl:template name="property">
    <xsl:param name="role"/>
    <xsl:param name="class"/>
    <xsl:param name="here"/>
    <xsl:variable name="rows" select="$binding/role[@ref = $role/vodml-id or @ref = concat($class, '.', $role/name)]"/>
    <xsl:variable name="text" select="normalize-space($rows[normalize-space()][last()])"/>
    <xsl:text>"</xsl:text>
    <xsl:call-template name="key"><xsl:with-param name="role" select="$role"/></xsl:call-template>
    <xsl:text>": {</xsl:text>
    <xsl:call-template name="describe"><xsl:with-param name="of" select="$role"/></xsl:call-template>
    <xsl:text>, </xsl:text>
    <xsl:choose>
      <xsl:when test="$text != ''"><xsl:value-of select="$text"/></xsl:when>
      <xsl:when test="$role/multiplicity/maxOccurs = 1">
        <xsl:call-template name="value">
          <xsl:with-param name="role" select="$role"/>
          <xsl:with-param name="class" select="$class"/>
          <xsl:with-param name="here" select="$here"/>
        </xsl:call-template>
      </xsl:when>
      <xsl:otherwise>
        <xsl:text>"type": "array", "items": {</xsl:text>
        <xsl:call-template name="value">
          <xsl:with-param name="role" select="$role"/>
          <xsl:with-param name="class" select="$class"/>
          <xsl:with-param name="here" select="$here"/>
        </xsl:call-template>
        <xsl:text>}</xsl:text>
        <xsl:if test="$role/multiplicity/minOccurs > 0">, "minItems": <xsl:value-of select="$role/multiplicity/minOccurs"/></xsl:if>
        <xsl:if test="$role/multiplicity/maxOccurs > 1">, "maxItems": <xsl:value-of select="$role/multiplicity/maxOccurs"/></xsl:if>
      </xsl:otherwise>
    </xsl:choose>
    <xsl:text>}</xsl:text>
  </xsl:template>

  <!-- One value of a role. -->
  <xsl:template name="value">
    <xsl:param name="role"/>
    <xsl:param name="class"/>
    <xsl:param name="here"/>
    <xsl:variable name="ref" select="string($role/datatype/vodml-ref)"/>
    <xsl:variable name="id" select="substring-after($ref, 'execdm:')"/>
    <xsl:choose>
      <!-- editors complete a type from the area of the spec beside it -->
      <xsl:when test="$bundle and $id = 'common.TypeUri'">
        <xsl:call-template name="known-types"><xsl:with-param name="class" select="$class"/></xsl:call-template>
      </xsl:when>
      <xsl:when test="starts-with($ref, 'ivoa:')">
        <xsl:call-template name="primitive"><xsl:with-param name="ref" select="$ref"/></xsl:call-template>
      </xsl:when>
      <!-- which class it is the type tells: that is looked at apart, so that findings speak of the type's own schema -->
      <xsl:when test="$binding/area[@class = $id]">"type": "object"</xsl:when>
      <xsl:otherwise>
        <xsl:call-template name="ref">
          <xsl:with-param name="id" select="$id"/>
          <xsl:with-param name="here" select="$here"/>
        </xsl:call-template>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="known-types">
    <xsl:param name="class"/>
    <xsl:variable name="roles">
      <xsl:call-template name="roles"><xsl:with-param name="id" select="$class"/></xsl:call-template>
    </xsl:variable>
    <xsl:variable name="specs" select="$model//composition[vodml-id = exsl:node-set($roles)/r/@id]/datatype/vodml-ref"/>
    <xsl:text>"anyOf": [{"enum": [</xsl:text>
    <xsl:for-each select="$binding/area[concat('execdm:', @class) = $specs]/type | $binding/area/type[not($specs)]">
      <xsl:if test="position() > 1">, </xsl:if>
      <xsl:value-of select="concat('&quot;', ../@prefix, @name, '&quot;')"/>
    </xsl:for-each>
    <xsl:text>]}, {"type": "string", "minLength": 1}]</xsl:text>
  </xsl:template>

  <xsl:template name="ref">
    <xsl:param name="id"/>
    <xsl:param name="here"/>
    <xsl:variable name="home">
      <xsl:call-template name="home"><xsl:with-param name="id" select="$id"/></xsl:call-template>
    </xsl:variable>
    <xsl:variable name="whole" select="$binding/class[@ref = $id]/@file"/>
    <xsl:text>"$ref": "</xsl:text>
    <xsl:if test="not($bundle) and $home != $here">
      <xsl:if test="starts-with($here, 'types/')">../../</xsl:if>
      <xsl:value-of select="$home"/>
    </xsl:if>
    <xsl:if test="not($whole)">
      <xsl:text>#/$defs/</xsl:text>
      <xsl:call-template name="def"><xsl:with-param name="id" select="$id"/></xsl:call-template>
    </xsl:if>
    <xsl:text>"</xsl:text>
  </xsl:template>
</xsl:stylesheet>
