<?xml version="1.0" encoding="UTF-8"?>
<!-- What all derivations need: looking up model and binding, and taking descriptions apart. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
                xmlns:exsl="http://exslt.org/common" extension-element-prefixes="exsl">
  <xsl:output method="text" encoding="UTF-8"/>

  <xsl:variable name="model" select="/"/>
  <xsl:variable name="binding" select="document('../execdm.binding.xml')/binding"/>
  <xsl:key name="element" match="*[vodml-id]" use="vodml-id"/>

  <!-- A reference without the model's own name: execdm:a.B is a.B, ivoa:string stays. -->
  <xsl:template name="local">
    <xsl:param name="ref"/>
    <xsl:choose>
      <xsl:when test="starts-with($ref, 'execdm:')"><xsl:value-of select="substring-after($ref, ':')"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="$ref"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- The roles of a class with those it inherits, its ancestors' first: <r id="" class=""/>, class being the one asked. -->
  <xsl:template name="roles">
    <xsl:param name="id"/>
    <xsl:param name="class" select="$id"/>
    <xsl:for-each select="$model">
      <xsl:for-each select="key('element', $id)">
        <xsl:if test="extends">
          <xsl:call-template name="roles">
            <xsl:with-param name="id" select="substring-after(extends/vodml-ref, 'execdm:')"/>
            <xsl:with-param name="class" select="$class"/>
          </xsl:call-template>
        </xsl:if>
        <xsl:for-each select="attribute | composition">
          <r id="{vodml-id}" class="{$class}"/>
        </xsl:for-each>
      </xsl:for-each>
    </xsl:for-each>
  </xsl:template>

  <!-- The key of a role in a document. -->
  <xsl:template name="key">
    <xsl:param name="role"/>
    <xsl:variable name="row" select="$binding/role[@ref = $role/vodml-id]/@key"/>
    <xsl:choose>
      <xsl:when test="$row"><xsl:value-of select="$row"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="translate($role/name, '_', '-')"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- The multiplicity of the current role: 1, 0..1, 0..* -->
  <xsl:template name="times">
    <xsl:param name="of" select="."/>
    <xsl:value-of select="$of/multiplicity/minOccurs"/>
    <xsl:choose>
      <xsl:when test="$of/multiplicity/maxOccurs &lt; 0">..*</xsl:when>
      <xsl:when test="$of/multiplicity/maxOccurs != $of/multiplicity/minOccurs">
        <xsl:value-of select="concat('..', $of/multiplicity/maxOccurs)"/>
      </xsl:when>
    </xsl:choose>
  </xsl:template>

  <!-- SomeName: some-name -->
  <xsl:template name="kebab">
    <xsl:param name="text"/>
    <xsl:param name="first" select="true()"/>
    <xsl:if test="$text">
      <xsl:variable name="c" select="substring($text, 1, 1)"/>
      <xsl:variable name="low" select="translate($c, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')"/>
      <xsl:if test="$low != $c and not($first)">-</xsl:if>
      <xsl:value-of select="$low"/>
      <xsl:call-template name="kebab">
        <xsl:with-param name="text" select="substring($text, 2)"/>
        <xsl:with-param name="first" select="false()"/>
      </xsl:call-template>
    </xsl:if>
  </xsl:template>

  <xsl:template name="replace">
    <xsl:param name="text"/>
    <xsl:param name="from"/>
    <xsl:param name="to"/>
    <xsl:choose>
      <xsl:when test="contains($text, $from)">
        <xsl:value-of select="substring-before($text, $from)"/>
        <xsl:value-of select="$to"/>
        <xsl:call-template name="replace">
          <xsl:with-param name="text" select="substring-after($text, $from)"/>
          <xsl:with-param name="from" select="$from"/>
          <xsl:with-param name="to" select="$to"/>
        </xsl:call-template>
      </xsl:when>
      <xsl:otherwise><xsl:value-of select="$text"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="after-last">
    <xsl:param name="text"/>
    <xsl:param name="mark"/>
    <xsl:choose>
      <xsl:when test="contains($text, $mark)">
        <xsl:call-template name="after-last">
          <xsl:with-param name="text" select="substring-after($text, $mark)"/>
          <xsl:with-param name="mark" select="$mark"/>
        </xsl:call-template>
      </xsl:when>
      <xsl:otherwise><xsl:value-of select="$text"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- Descriptions: "words [unit] (clause)". -->
  <xsl:template name="clause">
    <xsl:param name="of"/>
    <xsl:variable name="text" select="normalize-space($of/description)"/>
    <xsl:if test="not(contains($text, ' (')) or substring($text, string-length($text)) != ')'">
      <xsl:message terminate="yes">
        <xsl:value-of select="$of/vodml-id"/>: its description does not end with a clause in parentheses</xsl:message>
    </xsl:if>
    <xsl:variable name="last">
      <xsl:call-template name="after-last">
        <xsl:with-param name="text" select="$text"/>
        <xsl:with-param name="mark" select="' ('"/>
      </xsl:call-template>
    </xsl:variable>
    <xsl:value-of select="substring($last, 1, string-length($last) - 1)"/>
  </xsl:template>

  <xsl:template name="unit">
    <xsl:param name="of"/>
    <xsl:variable name="clause">
      <xsl:call-template name="clause"><xsl:with-param name="of" select="$of"/></xsl:call-template>
    </xsl:variable>
    <xsl:variable name="before" select="substring-before(normalize-space($of/description), concat(' (', $clause, ')'))"/>
    <xsl:if test="substring($before, string-length($before)) = ']' and contains($before, ' [')">
      <xsl:variable name="last">
        <xsl:call-template name="after-last">
          <xsl:with-param name="text" select="$before"/>
          <xsl:with-param name="mark" select="' ['"/>
        </xsl:call-template>
      </xsl:variable>
      <xsl:value-of select="substring($last, 1, string-length($last) - 1)"/>
    </xsl:if>
  </xsl:template>

  <xsl:template name="words">
    <xsl:param name="of"/>
    <xsl:variable name="clause">
      <xsl:call-template name="clause"><xsl:with-param name="of" select="$of"/></xsl:call-template>
    </xsl:variable>
    <xsl:variable name="unit">
      <xsl:call-template name="unit"><xsl:with-param name="of" select="$of"/></xsl:call-template>
    </xsl:variable>
    <xsl:variable name="before" select="substring-before(normalize-space($of/description), concat(' (', $clause, ')'))"/>
    <xsl:choose>
      <xsl:when test="$unit != ''"><xsl:value-of select="substring-before($before, concat(' [', $unit, ']'))"/></xsl:when>
      <xsl:otherwise><xsl:value-of select="$before"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- The title of a class is what stands before the colon. -->
  <xsl:template name="title">
    <xsl:param name="of"/>
    <xsl:variable name="text" select="normalize-space($of/description)"/>
    <xsl:if test="not(contains($text, ': '))">
      <xsl:message terminate="yes">
        <xsl:value-of select="$of/vodml-id"/>: its description does not begin with a title and a colon</xsl:message>
    </xsl:if>
    <xsl:value-of select="substring-before($text, ': ')"/>
  </xsl:template>

  <!-- Where a class, an enumeration or a primitive type of ours has its schema. -->
  <xsl:template name="home">
    <xsl:param name="id"/>
    <xsl:variable name="row" select="$binding/class[@ref = $id]"/>
    <xsl:variable name="type" select="$binding/area/type[@ref = $id]"/>
    <xsl:variable name="package" select="$binding/package[@name = substring-before($id, '.')]"/>
    <xsl:choose>
      <xsl:when test="$type">types/<xsl:value-of select="$type/../@name"/>/<xsl:value-of select="$type/@name"/>.json</xsl:when>
      <xsl:when test="$row/@file"><xsl:value-of select="$row/@file"/></xsl:when>
      <xsl:when test="$row/@home"><xsl:value-of select="$row/@home"/></xsl:when>
      <xsl:when test="$package"><xsl:value-of select="$package/@home"/></xsl:when>
      <xsl:otherwise>definitions.json</xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="def">
    <xsl:param name="id"/>
    <xsl:variable name="row" select="$binding/class[@ref = $id]/@def"/>
    <xsl:variable name="name">
      <xsl:call-template name="after-last">
        <xsl:with-param name="text" select="$id"/>
        <xsl:with-param name="mark" select="'.'"/>
      </xsl:call-template>
    </xsl:variable>
    <xsl:choose>
      <xsl:when test="$row"><xsl:value-of select="$row"/></xsl:when>
      <xsl:otherwise>
        <xsl:call-template name="kebab"><xsl:with-param name="text" select="$name"/></xsl:call-template>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="form">
    <xsl:param name="id"/>
    <xsl:variable name="rows" select="($binding/class | $binding/area/type)[@ref = $id]/@form"/>
    <xsl:variable name="package" select="$binding/package[@name = substring-before($id, '.')]/@form"/>
    <xsl:choose>
      <xsl:when test="$rows"><xsl:value-of select="$rows"/></xsl:when>
      <xsl:when test="$package"><xsl:value-of select="$package"/></xsl:when>
      <xsl:otherwise>strict</xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- A class without a schema: abstract, and neither named by the binding nor a union. -->
  <xsl:template name="has-schema">
    <xsl:param name="of"/>
    <xsl:variable name="form">
      <xsl:call-template name="form"><xsl:with-param name="id" select="$of/vodml-id"/></xsl:call-template>
    </xsl:variable>
    <xsl:if test="$form != 'none' and (not($of/@abstract = 'true') or $binding/class[@ref = $of/vodml-id])">yes</xsl:if>
  </xsl:template>

  <!-- What is defined in a file, but the class that is the file itself: <d id=""/> -->
  <xsl:template name="defined">
    <xsl:param name="in"/>
    <xsl:for-each select="$model//primitiveType | $model//enumeration | $model//objectType">
      <xsl:variable name="home">
        <xsl:call-template name="home"><xsl:with-param name="id" select="string(vodml-id)"/></xsl:call-template>
      </xsl:variable>
      <xsl:variable name="has">
        <xsl:call-template name="has-schema"><xsl:with-param name="of" select="."/></xsl:call-template>
      </xsl:variable>
      <xsl:if test="$home = $in and $has = 'yes' and not($binding/class[@ref = current()/vodml-id]/@file)
                    and not($binding/area/type[@ref = current()/vodml-id])">
        <d id="{vodml-id}"/>
      </xsl:if>
    </xsl:for-each>
  </xsl:template>
</xsl:stylesheet>
