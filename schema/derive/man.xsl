<?xml version="1.0" encoding="UTF-8"?>
<!-- The derived parts of the manual in mdoc(7): page=model, the packages in the order of the binding,
     with the keys of their classes, after lists of them and of the definitions;
     page=types, the types by area, their spellings and the keys of their spec. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
                xmlns:exsl="http://exslt.org/common" extension-element-prefixes="exsl">
  <xsl:import href="common.xsl"/>
  <xsl:param name="page"/>

  <xsl:template match="/">
    <xsl:choose>
      <xsl:when test="$page = 'types'">
        <xsl:for-each select="$binding/area"><xsl:call-template name="area"/></xsl:for-each>
      </xsl:when>
      <xsl:otherwise>
        <xsl:for-each select="//package[not(name = $binding/package/@name)]">
          <xsl:message terminate="yes">the binding has no row for the package <xsl:value-of select="name"/></xsl:message>
        </xsl:for-each>
        <xsl:text>.Ss Contents&#10;.Bl -tag -width Ds -compact&#10;</xsl:text>
        <xsl:for-each select="$binding/package">
          <xsl:apply-templates select="$model//package[name = current()/@name]" mode="contents"/>
        </xsl:for-each>
        <xsl:text>.El&#10;.Ss Definitions to refer to&#10;.Bl -tag -width Ds -compact&#10;</xsl:text>
        <xsl:call-template name="definitions"><xsl:with-param name="in" select="'definitions.json'"/></xsl:call-template>
        <xsl:for-each select="$binding/class/@file">
          <xsl:call-template name="definitions"><xsl:with-param name="in" select="string(.)"/></xsl:call-template>
        </xsl:for-each>
        <xsl:text>.El&#10;</xsl:text>
        <xsl:for-each select="$binding/package">
          <xsl:apply-templates select="$model//package[name = current()/@name]"/>
        </xsl:for-each>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="roff">
    <xsl:param name="text"/>
    <xsl:variable name="t">
      <xsl:call-template name="replace">
        <xsl:with-param name="text" select="normalize-space($text)"/>
        <xsl:with-param name="from" select="'\'"/>
        <xsl:with-param name="to" select="'\e'"/>
      </xsl:call-template>
    </xsl:variable>
    <xsl:if test="starts-with($t, '.') or starts-with($t, &quot;'&quot;)">\&amp;</xsl:if>
    <xsl:value-of select="$t"/>
  </xsl:template>

  <!-- "words (clause)" and a full stop -->
  <xsl:template name="whole">
    <xsl:variable name="words"><xsl:call-template name="words"><xsl:with-param name="of" select="."/></xsl:call-template></xsl:variable>
    <xsl:variable name="clause"><xsl:call-template name="clause"><xsl:with-param name="of" select="."/></xsl:call-template></xsl:variable>
    <xsl:call-template name="roff">
      <xsl:with-param name="text" select="concat($words, ' (', $clause, ').')"/>
    </xsl:call-template>
    <xsl:text>&#10;</xsl:text>
  </xsl:template>

  <!-- model: packages, classes, enumerations -->

  <xsl:template match="package" mode="contents">
    <xsl:text>.It Sx </xsl:text>
    <xsl:call-template name="words"><xsl:with-param name="of" select="."/></xsl:call-template>
    <xsl:text>&#10;.Em </xsl:text>
    <xsl:for-each select="objectType | enumeration | primitiveType"><xsl:call-template name="listed"/></xsl:for-each>
  </xsl:template>

  <!-- The definitions of a file, if it has any. -->
  <xsl:template name="definitions">
    <xsl:param name="in"/>
    <xsl:variable name="list"><xsl:call-template name="defined"><xsl:with-param name="in" select="$in"/></xsl:call-template></xsl:variable>
    <xsl:if test="exsl:node-set($list)/d">
      <xsl:value-of select="concat('.It Pa ', $in, '&#10;.Cm ')"/>
      <xsl:for-each select="exsl:node-set($list)/d">
        <xsl:call-template name="listed">
          <xsl:with-param name="name"><xsl:call-template name="def"><xsl:with-param name="id" select="string(@id)"/></xsl:call-template></xsl:with-param>
        </xsl:call-template>
      </xsl:for-each>
    </xsl:if>
  </xsl:template>

  <!-- One of a list of names on a line. -->
  <xsl:template name="listed">
    <xsl:param name="name" select="name"/>
    <xsl:value-of select="$name"/>
    <xsl:choose>
      <xsl:when test="position() = last()"> .&#10;</xsl:when>
      <xsl:otherwise> , </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- Documents come first. -->
  <xsl:template match="package">
    <xsl:variable name="words">
      <xsl:call-template name="words"><xsl:with-param name="of" select="."/></xsl:call-template>
    </xsl:variable>
    <xsl:value-of select="concat('.Ss ', $words, '&#10;')"/>
    <xsl:text>Package&#10;.Em </xsl:text><xsl:value-of select="name"/><xsl:text> .&#10;.Bl -tag -width Ds&#10;</xsl:text>
    <xsl:apply-templates select="objectType[vodml-id = $binding/class[@file]/@ref]"/>
    <xsl:apply-templates select="objectType[not(vodml-id = $binding/class[@file]/@ref)] | enumeration | primitiveType"/>
    <xsl:text>.El&#10;</xsl:text>
  </xsl:template>

  <xsl:template name="file">
    <xsl:variable name="home">
      <xsl:call-template name="home"><xsl:with-param name="id" select="string(vodml-id)"/></xsl:call-template>
    </xsl:variable>
    <xsl:variable name="has">
      <xsl:call-template name="has-schema"><xsl:with-param name="of" select="."/></xsl:call-template>
    </xsl:variable>
    <xsl:if test="$has = 'yes'">
      <xsl:text>Schema:&#10;.Pa </xsl:text>
      <xsl:value-of select="$home"/>
      <xsl:if test="not(($binding/class[@file] | $binding/area/type)[@ref = current()/vodml-id])">
        <xsl:text>#/$defs/</xsl:text>
        <xsl:call-template name="def"><xsl:with-param name="id" select="string(vodml-id)"/></xsl:call-template>
      </xsl:if>
      <xsl:text> .&#10;</xsl:text>
    </xsl:if>
  </xsl:template>

  <xsl:template match="objectType">
    <xsl:value-of select="concat('.It Em ', name, '&#10;')"/>
    <xsl:call-template name="whole"/>
    <xsl:if test="@abstract = 'true'">Abstract.&#10;</xsl:if>
    <xsl:if test="extends">
      <xsl:text>Has the keys of&#10;.Em </xsl:text>
      <xsl:call-template name="type"><xsl:with-param name="ref" select="extends/vodml-ref"/></xsl:call-template>
      <xsl:variable name="roles">
        <xsl:call-template name="roles"><xsl:with-param name="id" select="substring-after(extends/vodml-ref, 'execdm:')"/></xsl:call-template>
      </xsl:variable>
      <xsl:choose>
        <xsl:when test="exsl:node-set($roles)/r"> , too:&#10;.Cm </xsl:when>
        <xsl:otherwise> , too.&#10;</xsl:otherwise>
      </xsl:choose>
      <xsl:for-each select="$model//*[vodml-id = exsl:node-set($roles)/r/@id]">
        <xsl:call-template name="listed">
          <xsl:with-param name="name"><xsl:call-template name="key"><xsl:with-param name="role" select="."/></xsl:call-template></xsl:with-param>
        </xsl:call-template>
      </xsl:for-each>
    </xsl:if>
    <xsl:call-template name="file"/>
    <xsl:if test="attribute | composition">
      <xsl:text>.Bl -tag -width Ds -compact&#10;</xsl:text>
      <xsl:for-each select="attribute | composition"><xsl:call-template name="role"/></xsl:for-each>
      <xsl:text>.El&#10;</xsl:text>
    </xsl:if>
  </xsl:template>

  <!-- .It key : type, times, unit -->
  <xsl:template name="role">
    <xsl:text>.It Cm </xsl:text>
    <xsl:call-template name="key"><xsl:with-param name="role" select="."/></xsl:call-template>
    <xsl:text> No \(em </xsl:text>
    <xsl:choose>
      <xsl:when test="$binding/role[@ref = current()/vodml-id]/@shown">
        <xsl:value-of select="$binding/role[@ref = current()/vodml-id]/@shown"/>
      </xsl:when>
      <xsl:otherwise>
        <xsl:call-template name="type"><xsl:with-param name="ref" select="datatype/vodml-ref"/></xsl:call-template>
        <xsl:text>, </xsl:text>
        <xsl:call-template name="times"/>
      </xsl:otherwise>
    </xsl:choose>
    <xsl:variable name="unit"><xsl:call-template name="unit"><xsl:with-param name="of" select="."/></xsl:call-template></xsl:variable>
    <xsl:if test="$unit != ''"><xsl:value-of select="concat(', in ', $unit)"/></xsl:if>
    <xsl:text>&#10;</xsl:text>
    <xsl:call-template name="whole"/>
  </xsl:template>

  <xsl:template name="type">
    <xsl:param name="ref"/>
    <xsl:call-template name="after-last">
      <xsl:with-param name="text" select="translate($ref, ':', '.')"/>
      <xsl:with-param name="mark" select="'.'"/>
    </xsl:call-template>
  </xsl:template>

  <xsl:template match="enumeration">
    <xsl:value-of select="concat('.It Em ', name, '&#10;')"/>
    <xsl:call-template name="whole"/>
    <xsl:call-template name="file"/>
    <xsl:text>.Bl -tag -width Ds -compact&#10;</xsl:text>
    <xsl:for-each select="literal">
      <xsl:value-of select="concat('.It Cm ', name, '&#10;')"/>
      <xsl:call-template name="whole"/>
    </xsl:for-each>
    <xsl:text>.El&#10;</xsl:text>
  </xsl:template>

  <xsl:template match="primitiveType">
    <xsl:value-of select="concat('.It Em ', name, '&#10;')"/>
    <xsl:call-template name="whole"/>
    <xsl:call-template name="file"/>
  </xsl:template>

  <!-- types -->

  <xsl:template name="area">
    <xsl:variable name="area" select="."/>
    <xsl:for-each select="$model">
      <xsl:for-each select="key('element', $area/@class)">
        <xsl:variable name="title"><xsl:call-template name="title"><xsl:with-param name="of" select="."/></xsl:call-template></xsl:variable>
        <xsl:value-of select="concat('.Ss ', $title, 's&#10;Area&#10;.Cm ', $area/@name, ' :&#10;.Bl -tag -width Ds&#10;')"/>
      </xsl:for-each>
    </xsl:for-each>
    <xsl:for-each select="type"><xsl:call-template name="known"/></xsl:for-each>
    <xsl:text>.El&#10;</xsl:text>
  </xsl:template>

  <xsl:template name="known">
    <xsl:variable name="type" select="."/>
    <xsl:value-of select="concat('.It Pa ', ../@prefix, @name, '&#10;')"/>
    <xsl:for-each select="$model">
      <xsl:for-each select="key('element', $type/@ref)"><xsl:call-template name="whole"/></xsl:for-each>
    </xsl:for-each>
    <xsl:if test="@default">It is meant where no type is given.&#10;</xsl:if>
    <xsl:if test="alias">
      <xsl:text>Also spelt&#10;</xsl:text>
      <xsl:for-each select="alias">
        <xsl:value-of select="concat('.Pa ', .)"/>
        <xsl:choose>
          <xsl:when test="position() = last()"> .&#10;</xsl:when>
          <xsl:otherwise> ,&#10;</xsl:otherwise>
        </xsl:choose>
      </xsl:for-each>
    </xsl:if>
    <xsl:variable name="roles">
      <xsl:call-template name="roles"><xsl:with-param name="id" select="string(@ref)"/></xsl:call-template>
    </xsl:variable>
    <xsl:choose>
      <xsl:when test="exsl:node-set($roles)/r">
        <xsl:text>.Bl -tag -width Ds -compact&#10;</xsl:text>
        <!-- what is required comes first -->
        <xsl:for-each select="exsl:node-set($roles)/r">
          <xsl:variable name="r" select="."/>
          <xsl:for-each select="$model">
            <xsl:for-each select="key('element', $r/@id)[multiplicity/minOccurs > 0]"><xsl:call-template name="spec-key"/></xsl:for-each>
          </xsl:for-each>
        </xsl:for-each>
        <xsl:for-each select="exsl:node-set($roles)/r">
          <xsl:variable name="r" select="."/>
          <xsl:for-each select="$model">
            <xsl:for-each select="key('element', $r/@id)[multiplicity/minOccurs = 0]"><xsl:call-template name="spec-key"/></xsl:for-each>
          </xsl:for-each>
        </xsl:for-each>
        <xsl:text>.El&#10;</xsl:text>
      </xsl:when>
      <xsl:otherwise>Its spec may hold any key.&#10;</xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <xsl:template name="spec-key">
    <xsl:text>.It Cm </xsl:text>
    <xsl:call-template name="key"><xsl:with-param name="role" select="."/></xsl:call-template>
    <xsl:text> No \(em </xsl:text>
    <xsl:if test="multiplicity/minOccurs > 0">required, </xsl:if>
    <xsl:choose>
      <xsl:when test="$binding/role[@ref = current()/vodml-id]/@shown">
        <xsl:value-of select="$binding/role[@ref = current()/vodml-id]/@shown"/>
      </xsl:when>
      <xsl:otherwise>
        <xsl:if test="multiplicity/maxOccurs &lt; 0">list of </xsl:if>
        <xsl:call-template name="type"><xsl:with-param name="ref" select="datatype/vodml-ref"/></xsl:call-template>
      </xsl:otherwise>
    </xsl:choose>
    <xsl:variable name="unit"><xsl:call-template name="unit"><xsl:with-param name="of" select="."/></xsl:call-template></xsl:variable>
    <xsl:if test="$unit != ''"><xsl:value-of select="concat(', in ', $unit)"/></xsl:if>
    <xsl:text>&#10;</xsl:text>
    <xsl:call-template name="whole"/>
  </xsl:template>
</xsl:stylesheet>
